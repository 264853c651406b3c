#include "proxy/net/tls/ciphers.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>

#include "proxy/net/tls/certificate.h"
#include "proxy/net/tls/testing/authority.h"

namespace sluice::net::tls {
namespace {

// The group that two of ours agree upon; 0 if they do not.
uint16_t GroupOf(uint16_t version) {
  testing::Authority authority("ca");
  const auto issued = authority.Issue({.common_name = "a", .names = {"DNS:a"}});
  const bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_with_buffers_method()));
  if (!UseSafeSettings(context.get(), version, version)) return 0;
  if (!(*Certificate::Load({issued.chain_pem, issued.key_pem, ""}))->Use(context.get())) return 0;
  SSL_CTX_set_custom_verify(context.get(), SSL_VERIFY_NONE,
                            [](SSL*, uint8_t*) { return ssl_verify_ok; });
  const bssl::UniquePtr<SSL> client(SSL_new(context.get()));
  const bssl::UniquePtr<SSL> server(SSL_new(context.get()));
  BIO* client_end = nullptr;
  BIO* server_end = nullptr;
  if (BIO_new_bio_pair(&client_end, 0, &server_end, 0) != 1) return 0;
  SSL_set_bio(client.get(), client_end, client_end);
  SSL_set_bio(server.get(), server_end, server_end);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  for (int i = 0; i < 8; ++i) {
    SSL_do_handshake(client.get());
    SSL_do_handshake(server.get());
  }
  return SSL_is_init_finished(client.get()) == 1 ? SSL_get_curve_id(server.get()) : 0;
}

TEST(CiphersTest, TheHybridGroupIsPreferredWhereTheLibraryHasIt) {
#ifdef SSL_GROUP_X25519_MLKEM768
  EXPECT_EQ(GroupOf(TLS1_3_VERSION), SSL_GROUP_X25519_MLKEM768);
#else
  EXPECT_EQ(GroupOf(TLS1_3_VERSION), SSL_CURVE_X25519);
#endif
}

// It is of TLS 1.3 only.
TEST(CiphersTest, Tls12UsesX25519) { EXPECT_EQ(GroupOf(TLS1_2_VERSION), SSL_CURVE_X25519); }

}  // namespace
}  // namespace sluice::net::tls
