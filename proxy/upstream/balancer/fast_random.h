// Random numbers for choices that nobody attacks: balancing, jitter, sampling.
//
// Not for identifiers that must not be guessed. The same seed gives the same numbers on every
// machine, which is what tests use.
// Thread: one at a time.
#pragma once

#include <cstdint>

namespace sluice::upstream {

// SplitMix64: eight bytes of state, about a nanosecond a number, and any seed is a good one.
class FastRandom {
 public:
  explicit FastRandom(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // Below `bound`, which is not 0. The bias is at most bound / 2^32: invisible here, and cheaper
  // than rejection.
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(((Next() >> 32) * bound) >> 32); }

 private:
  uint64_t state_;
};

}  // namespace sluice::upstream
