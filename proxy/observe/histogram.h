// Durations in buckets: three to a decade, 50 us to 60 s, the same bounds everywhere so that
// histograms of routes, proxies and versions can be added up.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice::observe {

// Upper bounds, inclusive, in nanoseconds. What is above the last falls into one more bucket.
inline constexpr std::array<int64_t, 19> kDurationBoundsNs = {
    50'000,        100'000,        250'000,        500'000,       1'000'000,
    2'500'000,     5'000'000,      10'000'000,     25'000'000,    50'000'000,
    100'000'000,   250'000'000,    500'000'000,    1'000'000'000, 2'500'000'000,
    5'000'000'000, 10'000'000'000, 30'000'000'000, 60'000'000'000};
inline constexpr size_t kDurationBuckets = kDurationBoundsNs.size() + 1;

// A histogram's cells: the sum in nanoseconds, then its buckets.
inline constexpr size_t kHistogramCells = 1 + kDurationBuckets;
inline constexpr size_t kHistogramSum = 0;
inline constexpr size_t kHistogramBuckets = 1;

namespace internal {

// By the number of bits of a value: the bucket of the smallest value that has so many.
inline constexpr std::array<uint8_t, 65> kFirstBucket = [] {
  std::array<uint8_t, 65> first{};
  for (int bits = 1; bits <= 64; ++bits) {
    const uint64_t smallest = uint64_t{1} << (bits - 1);
    uint8_t bucket = 0;
    while (bucket < kDurationBoundsNs.size() &&
           static_cast<uint64_t>(kDurationBoundsNs[bucket]) < smallest) {
      ++bucket;
    }
    first[bits] = bucket;
  }
  return first;
}();

}  // namespace internal

// Negative durations count as 0. At most two comparisons: an octave holds at most two bounds.
inline size_t DurationBucket(int64_t ns) {
  if (ns <= 0) return 0;
  size_t bucket = internal::kFirstBucket[std::bit_width(static_cast<uint64_t>(ns))];
  while (bucket < kDurationBoundsNs.size() && ns > kDurationBoundsNs[bucket]) ++bucket;
  return bucket;
}

}  // namespace sluice::observe
