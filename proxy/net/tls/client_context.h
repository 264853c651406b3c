// How an upstream's connections speak TLS: whom they trust, by which name they ask, what they show.
//
// Immutable, shared by all workers.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/net/connection.h"
#include "proxy/net/tls/certificate.h"
#include "proxy/net/tls/server_context.h"
#include "proxy/net/tls/trust.h"

namespace sluice::net::tls {

struct ClientSettings {
  std::shared_ptr<const Trust> trust;  // Null: whoever answers is believed.
  // The server's certificate is of one of these; none: of the host that was asked for.
  std::vector<std::string> subject_alt_names;
  std::shared_ptr<const Certificate> certificate;  // Shown if asked for one. May be null.
  std::string protocol;  // ALPN: "h2" has to be agreed on, "http/1.1" is what silence means too.
  Version min_version = Version::kTls12;
  Version max_version = Version::kTls13;
};

// Sessions with one server, to come back with. Of one worker; outlives the connections that use it.
class SessionSlot {
 public:
  void Keep(bssl::UniquePtr<SSL_SESSION> session);
  // Each is used once: a ticket that is seen twice ties two connections together.
  bssl::UniquePtr<SSL_SESSION> Take();

 private:
  static constexpr size_t kMax = 4;
  std::vector<bssl::UniquePtr<SSL_SESSION>> sessions_;
};

class ClientContext final : public std::enable_shared_from_this<ClientContext> {
 public:
  // INVALID_ARGUMENT if BoringSSL refuses the certificate.
  static absl::StatusOr<std::shared_ptr<const ClientContext>> Make(ClientSettings settings);
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  // The layer of a connection to `host`, a DNS name or an IP address: what is told as SNI, and
  // whose certificate is expected. `sessions` may be null.
  std::unique_ptr<SecureLayer> NewSession(IoContext& io, const std::string& host,
                                          SessionSlot* sessions) const;

  // Equal where a connection that one made is as good as one of the other.
  const std::string& identity() const { return identity_; }

 private:
  explicit ClientContext(ClientSettings settings);
  absl::Status Build();
  static ssl_verify_result_t OnVerify(SSL* ssl, uint8_t* out_alert);
  static int OnNewSession(SSL* ssl, SSL_SESSION* session);

  const ClientSettings settings_;
  const std::string identity_;
  bssl::UniquePtr<SSL_CTX> context_;
};

}  // namespace sluice::net::tls
