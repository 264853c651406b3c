// Moments as text, in UTC, without a table of time zones or a system call.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace sluice::observe {

// Writes the moment as `format` says (base/log_format.h, kLogTimeLetters) to `out`, which has
// `room` bytes, and returns where the text ends. What does not fit is left out.
char* FormatTime(int64_t unix_ns, absl::string_view format, char* out, size_t room);

}  // namespace sluice::observe
