// Where a worker keeps a cluster: an index into Worker::clusters.
#pragma once

#include <cstdint>

namespace sluice::exchange {

inline constexpr uint32_t kNoCluster = UINT32_MAX;

}  // namespace sluice::exchange
