// How long to wait before the next attempt: full jitter, so that a thousand proxies that lost their
// control plane in one moment do not come back in one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "absl/time/time.h"

namespace sluice::sync {

class BackOff {
 public:
  static constexpr absl::Duration kFirst = absl::Milliseconds(500);
  static constexpr absl::Duration kLongest = absl::Seconds(30);

  explicit BackOff(uint64_t seed) : random_(seed) {}

  // Somewhere between nothing and a window that doubles from kFirst to kLongest.
  absl::Duration Next() {
    const absl::Duration wait = window_ * std::uniform_real_distribution<double>(0, 1)(random_);
    window_ = std::min(window_ * 2, kLongest);
    return wait;
  }

  // What the control plane asked for, give or take a half.
  absl::Duration Around(absl::Duration wait) {
    return wait * std::uniform_real_distribution<double>(0.5, 1.5)(random_);
  }

  // The last attempt was a success.
  void Reset() { window_ = kFirst; }

  // A number below `limit`, which is not 0.
  size_t Below(size_t limit) { return random_() % limit; }

 private:
  std::mt19937_64 random_;
  absl::Duration window_ = kFirst;
};

}  // namespace sluice::sync
