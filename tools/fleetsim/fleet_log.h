// What all simulated proxies saw, put together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/time/time.h"
#include "base/mutex.h"

namespace sluice::fleetsim {

struct Percentiles {
  size_t count = 0;
  absl::Duration p50;
  absl::Duration p99;
  absl::Duration max;
};

// Of no durations: all zero.
Percentiles PercentilesOf(std::vector<absl::Duration> durations);

// Thread: any.
class FleetLog {
 public:
  // A commit was made, at `at` or a little later.
  void OnCommit(uint64_t generation, absl::Time at);

  // A proxy serves `generation` now; before that it served `from`. Each commit between the two is
  // one pair of proxy and commit.
  void OnActive(uint64_t from, uint64_t generation, absl::Time committed_at, absl::Time now);
  void OnMessage(size_t bytes);
  void OnUpdate(bool is_full);
  void OnWelcome();
  void OnEnd();

  struct Counts {
    uint64_t messages = 0;
    uint64_t message_bytes = 0;  // Of messages, without the frames around them.
    uint64_t full_updates = 0;
    uint64_t delta_updates = 0;
    uint64_t welcomes = 0;
    uint64_t ended = 0;
    uint64_t active = 0;  // Proxies' reports that they serve something newer.
  };
  Counts counts() const;

  // From commit to active, over all pairs.
  std::vector<absl::Duration> Latencies() const;

  // Pairs for which nothing has come yet do not count: forget what was before.
  void Reset();

 private:
  struct Activation {
    uint64_t from;
    uint64_t generation;
    absl::Time at;
  };

  mutable Mutex mu_;
  Counts counts_ ABSL_GUARDED_BY(mu_);
  std::vector<Activation> activations_ ABSL_GUARDED_BY(mu_);
  // As the control plane says, and where every proxy skipped a commit, as who made it says.
  std::map<uint64_t, absl::Time> committed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace sluice::fleetsim
