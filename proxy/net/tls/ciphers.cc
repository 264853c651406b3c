#include "proxy/net/tls/ciphers.h"

namespace sluice::net::tls {
namespace {

// Of TLS 1.2: forward secret and authenticated, all of them; what hardware has help for comes
// first.
constexpr char kTls12Ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
#ifdef SSL_GROUP_X25519_MLKEM768
constexpr char kGroups[] = "X25519MLKEM768:X25519:P-256:P-384";
#else
constexpr char kGroups[] = "X25519:P-256:P-384";
#endif

}  // namespace

bool UseSafeSettings(SSL_CTX* context, uint16_t min_version, uint16_t max_version) {
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return SSL_CTX_set_min_proto_version(context, min_version) == 1 &&
         SSL_CTX_set_max_proto_version(context, max_version) == 1 &&
         SSL_CTX_set_strict_cipher_list(context, kTls12Ciphers) == 1 &&
         SSL_CTX_set1_curves_list(context, kGroups) == 1;
}

}  // namespace sluice::net::tls
