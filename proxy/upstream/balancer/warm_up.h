// Slow start: endpoints that are new get less than their share, and more of it with time.
//
// A turn that falls to a cold endpoint is kept with the probability that its age gives, and else
// goes to another: nothing is weighed anew as time passes, and only turns of cold endpoints cost
// anything.
//
// Thread: its worker's.
#pragma once

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "proxy/upstream/balancer/fast_random.h"

namespace sluice::upstream {

struct SlowStart {
  int64_t window_ns = 0;  // 0: off.
  double aggression = 1;  // Above 1 more comes early, below 1 late.
  double least = 0.1;     // Of the share; what one gets at first.

  // Of the share, at that age.
  double At(int64_t age_ns) const;
};

class WarmUp {
 public:
  void Reset(const SlowStart& slow_start) {
    slow_start_ = slow_start;
    since_ns_.clear();
    ends_ns_ = 0;
  }
  // `endpoint` serves since `since_ns`, which is within the window.
  void Add(uint32_t endpoint, int64_t since_ns);

  // From then on none is cold.
  int64_t ends_ns() const { return ends_ns_; }

  // Whether the endpoint keeps a turn that fell to it.
  bool Keeps(uint32_t endpoint, int64_t now_ns, FastRandom& random) const {
    const auto found = since_ns_.find(endpoint);
    if (found == since_ns_.end()) return true;
    return Draw(random) < slow_start_.At(now_ns - found->second);
  }

 private:
  static double Draw(FastRandom& random) {
    return static_cast<double>(random.Next() >> 11) * 0x1p-53;
  }

  SlowStart slow_start_;
  absl::flat_hash_map<uint32_t, int64_t> since_ns_;  // Of cold endpoints.
  int64_t ends_ns_ = 0;
};

}  // namespace sluice::upstream
