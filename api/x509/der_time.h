// Times in DER.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "api/x509/der.h"

namespace sluice::x509 {

// UTCTime or GeneralizedTime as RFC 5280 has them: to the second, in UTC.
std::optional<absl::Time> ReadTime(DerReader& reader);

}  // namespace sluice::x509
