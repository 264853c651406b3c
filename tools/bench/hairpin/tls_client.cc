#include "tools/bench/hairpin/tls_client.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace sluice::hairpin {

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Make(const TlsOptions& options) {
  if (options.version != "1.2" && options.version != "1.3") {
    return absl::InvalidArgumentError(
        absl::StrCat("--tls must be 1.2 or 1.3, got \"", options.version, "\""));
  }
  std::unique_ptr<TlsClient> client(new TlsClient(options));
  client->context_.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX* context = client->context_.get();
  const uint16_t version = options.version == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION;
  SSL_CTX_set_min_proto_version(context, version);
  SSL_CTX_set_max_proto_version(context, version);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  // The wire's form: each name behind its length.
  const absl::string_view protocols = options.http2 ? "\x02h2" : "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context, reinterpret_cast<const uint8_t*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
  // X25519 for every proxy: what hybrid key agreement costs is a matter of configuration. TLS 1.2
  // wants to hear of the curve of the certificate, too.
  constexpr std::array<int, 2> kGroups = {NID_X25519, NID_X9_62_prime256v1};
  SSL_CTX_set1_curves(context, kGroups.data(), kGroups.size());
  if (options.resume) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(context, client.get());
    SSL_CTX_sess_set_new_cb(context, OnSession);
  }
  return client;
}

bssl::UniquePtr<SSL> TlsClient::Begin(int fd) {
  bssl::UniquePtr<SSL> ssl(SSL_new(context_.get()));
  SSL_set_fd(ssl.get(), fd);
  SSL_set_tlsext_host_name(ssl.get(), options_.server_name.c_str());
  SSL_set_quiet_shutdown(ssl.get(), 1);
  if (session_ != nullptr) SSL_set_session(ssl.get(), session_.get());
  SSL_set_connect_state(ssl.get());
  return ssl;
}

int TlsClient::OnSession(SSL* ssl, SSL_SESSION* session) {
  auto* self = static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  self->session_.reset(session);
  return 1;
}

}  // namespace sluice::hairpin
