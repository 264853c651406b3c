// What this build calls itself.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace sluice {

// Of the release.
inline constexpr absl::string_view kVersion = "0.1.0";

// The highest configuration schema that this build reads and writes: every field says in which it
// came.
inline constexpr uint32_t kSchema = 2;

}  // namespace sluice
