#include "tools/bench/fleet/fleet_record.h"

#include "absl/time/clock.h"

namespace sluice::fleet_sim {

void FleetRecord::OnWelcome() {
  MutexLock lock(mu_);
  ++welcomes_;
  changed_.Signal();
}

void FleetRecord::OnActive(uint64_t generation, absl::Time committed_at, absl::Time active_at) {
  MutexLock lock(mu_);
  ++active_[generation];
  if (is_measuring_) latency_.Record(absl::ToInt64Nanoseconds(active_at - committed_at));
  changed_.Signal();
}

void FleetRecord::OnEnded(const absl::Status& status) {
  MutexLock lock(mu_);
  ++ends_;
  if (!absl::IsCancelled(status) && first_failure_.empty()) first_failure_ = status.ToString();
  changed_.Signal();
}

template <typename Reached>
bool FleetRecord::Await(absl::Duration patience, Reached reached) {
  const absl::Time end = absl::Now() + patience;
  while (!reached()) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(mu_, left);
  }
  return true;
}

bool FleetRecord::AwaitWelcomes(size_t count, absl::Duration patience) {
  MutexLock lock(mu_);
  return Await(patience, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return welcomes_ >= count; });
}

bool FleetRecord::AwaitActive(uint64_t generation, size_t count, absl::Duration patience) {
  MutexLock lock(mu_);
  return Await(patience, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const auto found = active_.find(generation);
    return found != active_.end() && found->second >= count;
  });
}

bool FleetRecord::AwaitEnds(size_t count, absl::Duration patience) {
  MutexLock lock(mu_);
  return Await(patience, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return ends_ >= count; });
}

void FleetRecord::Restart() {
  MutexLock lock(mu_);
  welcomes_ = 0;
  ends_ = 0;
}

void FleetRecord::StartMeasuring() {
  MutexLock lock(mu_);
  is_measuring_ = true;
}

hairpin::Histogram FleetRecord::latency() const {
  MutexLock lock(mu_);
  return latency_;
}

std::string FleetRecord::first_failure() const {
  MutexLock lock(mu_);
  return first_failure_;
}

}  // namespace sluice::fleet_sim
