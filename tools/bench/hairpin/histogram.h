// Counts durations in log-linear buckets: exact below 128 ns, within 1 % above, up to 18 minutes.
//
// Percentiles come from merged counts, never from averages of percentiles.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::hairpin {

class Histogram {
 public:
  Histogram();

  // Cost: a few instructions; no allocation. Negative values count as 0.
  void Record(int64_t nanos);
  void Clear();

  uint64_t count() const { return count_; }
  int64_t max() const { return max_; }
  double Mean() const;

  // The smallest value that at least `quantile` (0 to 1) of the recorded ones do not exceed, up to
  // the width of a bucket. 0 where nothing was recorded.
  int64_t Quantile(double quantile) const;

  // Upper bound and count of every bucket that is not empty, ascending.
  std::vector<std::pair<int64_t, uint64_t>> Buckets() const;

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace sluice::hairpin
