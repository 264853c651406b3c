// Values in log lines, so that none can forge a line, a field or a member.
#pragma once

#include "absl/strings/string_view.h"

namespace sluice::observe {

// Both write `value` to `out`, which has `room` bytes, and return where the text ends. What does
// not fit is left out: never part of an escape or of a character.

// As nginx: \xHH for control characters, '"', '\' and bytes above 126. The result is ASCII.
char* EscapeText(absl::string_view value, char* out, size_t room);

// The inside of a JSON string: valid UTF-8 with U+FFFD for each byte that is not.
char* EscapeJson(absl::string_view value, char* out, size_t room);

}  // namespace sluice::observe
