// What an authority says of a certificate (OCSP, RFC 6960): read, and compared with the certificate
// that it should be about. Its signature is for clients to verify, who have the authority's key.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/x509/certificate.h"

namespace sluice::x509 {

struct OcspAnswer {
  enum class Status { kGood, kRevoked, kUnknown };
  Status status = Status::kUnknown;
  absl::Time from;
  absl::Time until;

  bool HoldsAt(absl::Time now) const { return from <= now && now < until; }
};

// INVALID_ARGUMENT if `der` is no OCSP response, or has no answer about `certificate`, or none with
// an end.
absl::StatusOr<OcspAnswer> ParseOcsp(absl::string_view der, const Certificate& certificate);

}  // namespace sluice::x509
