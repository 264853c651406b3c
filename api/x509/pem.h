// PEM text (RFC 7468): blocks of base64 between BEGIN and END lines.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::x509 {

struct PemBlock {
  std::string label;  // "CERTIFICATE"
  std::string der;
};

// All blocks, in order; text between them is skipped, as others do. INVALID_ARGUMENT, with a
// message that repeats nothing of the text, if a block is broken. No block is no error.
absl::StatusOr<std::vector<PemBlock>> ParsePem(absl::string_view text);

}  // namespace sluice::x509
