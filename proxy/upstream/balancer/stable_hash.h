// The hash of everything on which requests are spread: addresses, headers, cookies, paths.
//
// Stable: the same bytes give the same value on every machine, in every build and every release,
// because proxies of different versions must send one user to one endpoint. It is XXH3 with 64
// bits and no seed, whose output xxHash has frozen since 0.8.0. Changing it moves every user of
// every consistent policy once: do not.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace sluice::upstream {

uint64_t StableHash(absl::string_view bytes);

}  // namespace sluice::upstream
