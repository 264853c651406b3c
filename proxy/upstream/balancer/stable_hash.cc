#include "proxy/upstream/balancer/stable_hash.h"

// Compiled in, so that keys of a few bytes cost no call into a library.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::upstream {

uint64_t StableHash(absl::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace sluice::upstream
