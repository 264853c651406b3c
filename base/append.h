// Text put behind text, in memory that was sized before.
#pragma once

#include <cstring>

#include "absl/strings/string_view.h"

namespace sluice {

// Returns where `text` ends in `out`. An empty one may be of nowhere, which memcpy() must not be
// given even for no bytes.
inline char* Append(absl::string_view text, char* out) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace sluice
