// What validation needs to know of an X.509 certificate (RFC 5280).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/x509/key.h"

namespace sluice::x509 {

struct Certificate {
  absl::Time not_before;
  absl::Time not_after;
  PublicKey key;
  std::vector<std::string> dns_names;  // Subject alternative names, as they stand.
  bool has_names = false;              // Of any type.
  std::string serial;                  // Content of the INTEGER.
  std::string issuer;                  // The Name, in DER.
};

// INVALID_ARGUMENT if it is broken.
absl::StatusOr<Certificate> ParseCertificate(absl::string_view der);

// The certificates of PEM text, in order. INVALID_ARGUMENT if there is none, or something else, or
// one is broken.
absl::StatusOr<std::vector<Certificate>> ParseCertificates(absl::string_view pem);

}  // namespace sluice::x509
