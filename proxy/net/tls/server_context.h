// How a listener speaks TLS: which certificate it shows to whom, whom it asks for one, what it
// resumes. Built once for a generation.
//
// A certificate is chosen by the name that the client asks for: an exact one, else a wildcard, else
// the first of the list; of those for that name an ECDSA one if the client can verify it, since its
// signature costs a tenth of RSA's.
//
// Immutable, shared by all workers.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "proxy/net/connection.h"
#include "proxy/net/tls/certificate.h"
#include "proxy/net/tls/ticket_keys.h"
#include "proxy/net/tls/trust.h"

namespace sluice::net::tls {

enum class Version : uint16_t { kTls12 = TLS1_2_VERSION, kTls13 = TLS1_3_VERSION };

// What clients have to show.
struct ClientAuth {
  // Connections that ask for one of these names, or for one below x of "*.x"; in lower case and
  // without final dot. The longest counts. None: all others.
  std::vector<std::string> server_names;
  bool is_required = true;
  std::shared_ptr<const Trust> trust;
  // The certificate is of one of these; none: of anybody whom `trust` covers.
  std::vector<std::string> subject_alt_names;
};

struct ServerSettings {
  // Of the listener: sessions are resumed under the same only.
  std::string name;
  std::vector<std::shared_ptr<const Certificate>> certificates;  // At least one.
  Version min_version = Version::kTls12;
  Version max_version = Version::kTls13;
  // ALPN, preferred first. None: what clients offer is their and the endpoint's business.
  std::vector<std::string> protocols = {"http/1.1"};
  std::vector<ClientAuth> client_auth;
  std::shared_ptr<const TicketKeys> tickets;  // Null: no session is resumed.
};

class ServerContext final {
 public:
  // INVALID_ARGUMENT without certificates, or if BoringSSL refuses one.
  static absl::StatusOr<std::shared_ptr<const ServerContext>> Make(ServerSettings settings);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  // The layer of an accepted connection. This must live until its handshake is done.
  std::unique_ptr<SecureLayer> NewSession(IoContext& io) const;

  // What is demanded of clients' certificates for `host`, in lower case and without port and final
  // dot: to be compared with SecureLayer::client_auth_scope().
  uint64_t ScopeOf(absl::string_view host) const;
  bool has_client_auth() const { return !settings_.client_auth.empty(); }

 private:
  // A certificate in this context.
  struct Identity {
    std::shared_ptr<const Certificate> certificate;
    bssl::UniquePtr<SSL_CTX> context;
  };
  // What is shown for one name: indices, -1 for none.
  struct Choice {
    int ecdsa = -1;
    int rsa = -1;
  };

  // A rule about clients' certificates, prepared.
  struct Demand {
    const ClientAuth* auth;
    std::string session_id;  // What sessions are bound to.
    uint64_t scope;
  };

  explicit ServerContext(ServerSettings settings) : settings_(std::move(settings)) {}
  absl::Status Build();
  bssl::UniquePtr<SSL_CTX> NewContext();
  const Choice& ChoiceFor(absl::string_view name) const;
  int ChooseIdentity(const SSL_CLIENT_HELLO& hello, absl::string_view name) const;
  // Null if nothing is demanded.
  const Demand* DemandFor(absl::string_view name) const;

  static const ServerContext& Of(const SSL* ssl);
  static ssl_select_cert_result_t OnClientHello(const SSL_CLIENT_HELLO* hello);
  static int OnProtocols(SSL* ssl, const uint8_t** out, uint8_t* out_size, const uint8_t* in,
                         unsigned in_size, void* self);
  static ssl_verify_result_t OnVerify(SSL* ssl, uint8_t* out_alert);
  static const SSL_TICKET_AEAD_METHOD kTicketMethod;

  const ServerSettings settings_;
  std::string wire_protocols_;  // As ALPN lists them.
  std::vector<Identity> identities_;
  absl::flat_hash_map<std::string, Choice> exact_;
  absl::flat_hash_map<std::string, Choice> wildcard_;  // Without the star: ".example.com".
  Choice fallback_;
  // One for each rule about clients' certificates.
  std::vector<Demand> demands_;
  std::string session_id_;  // What sessions without demands are bound to.
};

}  // namespace sluice::net::tls
