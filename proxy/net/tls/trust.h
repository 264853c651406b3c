// Authorities, and whether a certificate is of theirs.
//
// Immutable, shared by all workers.
#pragma once

#include <openssl/base.h>
#include <openssl/pool.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proxy/net/tls/identity.h"

namespace sluice::net::tls {

class Trust {
 public:
  // INVALID_ARGUMENT if `pem` holds no certificate, or something else.
  static absl::StatusOr<std::shared_ptr<const Trust>> FromPem(absl::string_view pem);
  // As FromPem(), of a file; NOT_FOUND if it cannot be read.
  static absl::StatusOr<std::shared_ptr<const Trust>> FromFile(const std::string& path);

  enum class Purpose { kServer, kClient };
  struct Verdict {
    bool ok = false;
    uint8_t alert = 0;          // Of TLS, if not.
    std::string failure;        // "certificate_expired", "unknown_ca", ...
    Names names;                // Of the certificate, if ok.
    uint32_t seconds_left = 0;  // Until the first of its chain expires, if ok.
  };
  // `chain`: the certificate that was shown first, then what it came with.
  Verdict Verify(const STACK_OF(CRYPTO_BUFFER) * chain, Purpose purpose) const;

  // The authorities' names as TLS tells them; the caller owns the stack.
  bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> SubjectNames() const;
  // SHA-256 over the certificates: sessions are worth nothing under others.
  const std::string& digest() const { return digest_; }

 private:
  Trust() = default;

  bssl::UniquePtr<X509_STORE> store_;
  std::vector<std::string> subjects_;  // DER.
  std::string digest_;
};

}  // namespace sluice::net::tls
