// A certificate chain with its private key, ready to be served: of a server, or of us as a client.
//
// Immutable, shared by all workers.
#pragma once

#include <openssl/base.h>
#include <openssl/evp.h>
#include <openssl/pool.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::net::tls {

class Certificate {
 public:
  struct Source {
    absl::string_view chain_pem;  // Its own first, then the intermediates.
    absl::string_view key_pem;
    absl::string_view ocsp;                        // To be stapled, DER; may be empty.
    absl::Time ocsp_from = absl::InfinitePast();   // It holds from then,
    absl::Time ocsp_until = absl::InfinitePast();  // and until then.
  };
  // INVALID_ARGUMENT if a part cannot be read or the key is of another certificate. Messages never
  // hold any of the key.
  static absl::StatusOr<std::shared_ptr<const Certificate>> Load(const Source& source);

  // Puts it into `context`.
  bool Use(SSL_CTX* context) const;
  // Hands the OCSP response to the client, if there is one that holds at `now`.
  void Staple(SSL* ssl, absl::Time now) const;

  bool is_ecdsa() const { return is_ecdsa_; }
  // Of an ECDSA key: the TLS signature scheme that a client needs to have (RFC 8446, 4.2.3), and
  // the group that one of TLS 1.2 needs to.
  uint16_t signature_scheme() const { return signature_scheme_; }
  uint16_t group() const { return group_; }
  // SHA-256 over the chain: equal for the same.
  const std::string& digest() const { return digest_; }
  // Names that it covers, "*.x" too; lower case.
  const std::vector<std::string>& dns_names() const { return dns_names_; }

 private:
  Certificate() = default;
  void NoteDigest();
  absl::Status NoteKey();
  absl::Status CheckKey() const;

  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> chain_;
  bssl::UniquePtr<EVP_PKEY> key_;
  std::string ocsp_;
  absl::Time ocsp_from_;
  absl::Time ocsp_until_;
  std::string digest_;
  std::vector<std::string> dns_names_;
  bool is_ecdsa_ = false;
  uint16_t signature_scheme_ = 0;
  uint16_t group_ = 0;
};

}  // namespace sluice::net::tls
