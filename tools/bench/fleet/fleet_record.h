// What a thousand simulated proxies told, and waiting for them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "tools/bench/fleet/sim_proxy.h"
#include "tools/bench/hairpin/histogram.h"

namespace sluice::fleet_sim {

// Thread: any.
class FleetRecord final : public Observer {
 public:
  void OnWelcome() override;
  void OnActive(uint64_t generation, absl::Time committed_at, absl::Time active_at) override;
  void OnEnded(const absl::Status& status) override;

  // Each waits until `count` proxies have got so far, or for `patience`; false then.
  bool AwaitWelcomes(size_t count, absl::Duration patience);
  bool AwaitActive(uint64_t generation, size_t count, absl::Duration patience);
  bool AwaitEnds(size_t count, absl::Duration patience);

  // Forgets welcomes and ends: before connecting anew.
  void Restart();
  // Latencies are kept from here on.
  void StartMeasuring();

  // From commit to active, over all pairs of proxy and commit.
  hairpin::Histogram latency() const;
  // Why the first stream ended that should not have; empty if none did.
  std::string first_failure() const;

 private:
  template <typename Reached>
  bool Await(absl::Duration patience, Reached reached);

  mutable Mutex mu_;
  CondVar changed_;
  size_t welcomes_ ABSL_GUARDED_BY(mu_) = 0;
  size_t ends_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, size_t> active_ ABSL_GUARDED_BY(mu_);  // Generation to proxies that have it.
  bool is_measuring_ ABSL_GUARDED_BY(mu_) = false;
  hairpin::Histogram latency_ ABSL_GUARDED_BY(mu_);
  std::string first_failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace sluice::fleet_sim
