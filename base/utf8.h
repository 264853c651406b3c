// UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing above U+10FFFF.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace sluice {

// Bytes of the character at the start of `text`; 0 if it is none, or cut, or `text` is empty.
size_t Utf8CharacterBytes(absl::string_view text);

bool IsUtf8(absl::string_view text);

}  // namespace sluice
