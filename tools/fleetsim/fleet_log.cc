#include "tools/fleetsim/fleet_log.h"

#include <algorithm>

namespace sluice::fleetsim {

Percentiles PercentilesOf(std::vector<absl::Duration> durations) {
  Percentiles result;
  result.count = durations.size();
  if (durations.empty()) return result;
  std::sort(durations.begin(), durations.end());
  // The smallest value that at least that share is not above.
  const auto at = [&durations](size_t percent) {
    return durations[(durations.size() * percent + 99) / 100 - 1];
  };
  result.p50 = at(50);
  result.p99 = at(99);
  result.max = durations.back();
  return result;
}

void FleetLog::OnCommit(uint64_t generation, absl::Time at) {
  MutexLock lock(mu_);
  committed_.emplace(generation, at);
}

void FleetLog::OnActive(uint64_t from, uint64_t generation, absl::Time committed_at,
                        absl::Time now) {
  MutexLock lock(mu_);
  ++counts_.active;
  committed_[generation] = committed_at;
  activations_.push_back({from, generation, now});
}

void FleetLog::OnMessage(size_t bytes) {
  MutexLock lock(mu_);
  ++counts_.messages;
  counts_.message_bytes += bytes;
}

void FleetLog::OnUpdate(bool is_full) {
  MutexLock lock(mu_);
  ++(is_full ? counts_.full_updates : counts_.delta_updates);
}

void FleetLog::OnWelcome() {
  MutexLock lock(mu_);
  ++counts_.welcomes;
}

void FleetLog::OnEnd() {
  MutexLock lock(mu_);
  ++counts_.ended;
}

FleetLog::Counts FleetLog::counts() const {
  MutexLock lock(mu_);
  return counts_;
}

std::vector<absl::Duration> FleetLog::Latencies() const {
  MutexLock lock(mu_);
  std::vector<absl::Duration> latencies;
  for (const Activation& activation : activations_) {
    const auto first = committed_.upper_bound(activation.from);
    const auto end = committed_.upper_bound(activation.generation);
    for (auto it = first; it != end; ++it) latencies.push_back(activation.at - it->second);
  }
  return latencies;
}

void FleetLog::Reset() {
  MutexLock lock(mu_);
  counts_ = Counts();
  activations_.clear();
  committed_.clear();
}

}  // namespace sluice::fleetsim
