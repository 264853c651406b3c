#include "tools/bench/hairpin/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::hairpin {
namespace {

// Every power of two is cut into 128 buckets of one width, so a bucket is under 1/128 of its value.
constexpr int kSubBits = 7;
constexpr int64_t kSubBuckets = int64_t{1} << kSubBits;
constexpr int64_t kHighest = (int64_t{1} << 40) - 1;

size_t BucketOf(int64_t value) {
  if (value < kSubBuckets) return static_cast<size_t>(value);
  const int shift = std::bit_width(static_cast<uint64_t>(value)) - 1 - kSubBits;
  return static_cast<size_t>((int64_t{shift} << kSubBits) + (value >> shift));
}

int64_t HighestIn(size_t bucket) {
  const int64_t index = static_cast<int64_t>(bucket);
  if (index < kSubBuckets) return index;
  const int64_t shift = (index >> kSubBits) - 1;
  return ((index - (shift << kSubBits) + 1) << shift) - 1;
}

}  // namespace

Histogram::Histogram() : buckets_(BucketOf(kHighest) + 1) {}

void Histogram::Record(int64_t nanos) {
  nanos = std::clamp<int64_t>(nanos, 0, kHighest);
  ++buckets_[BucketOf(nanos)];
  ++count_;
  max_ = std::max(max_, nanos);
  sum_ += static_cast<double>(nanos);
}

void Histogram::Clear() {
  std::fill(buckets_.begin(), buckets_.end(), 0);
  count_ = 0;
  max_ = 0;
  sum_ = 0;
}

double Histogram::Mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

int64_t Histogram::Quantile(double quantile) const {
  const double rank = std::ceil(quantile * static_cast<double>(count_));
  const uint64_t wanted = std::max<uint64_t>(1, static_cast<uint64_t>(rank));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(HighestIn(i), max_);
  }
  return 0;
}

std::vector<std::pair<int64_t, uint64_t>> Histogram::Buckets() const {
  std::vector<std::pair<int64_t, uint64_t>> filled;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] > 0) filled.emplace_back(HighestIn(i), buckets_[i]);
  }
  return filled;
}

}  // namespace sluice::hairpin
