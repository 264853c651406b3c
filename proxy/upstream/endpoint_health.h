// What is known of the health of an upstream's endpoints: written by health checks and outlier
// detection, read by every worker's choice of an endpoint.
//
// There is one HealthBoard for each upstream name and one EndpointHealth for each of its
// addresses, over all generations: a change of the configuration forgets nothing. Whoever changes
// what a choice depends on says so on the board, and each worker notices with one load at its next
// pick; nothing waits and nothing is posted.
//
// Thread: any. Ownership: shared by the endpoint sets that hold the endpoint.
#pragma once

#include <atomic>
#include <cstdint>

#include "proxy/upstream/outlier.h"

namespace sluice::upstream {

// Counts changes. On a cache line of its own: it is read for each pick and seldom written.
class alignas(64) HealthBoard {
 public:
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  void NoteChange() { version_.fetch_add(1, std::memory_order_release); }

  // Whether the upstream was ever sent a request.
  bool has_traffic() const { return has_traffic_.load(std::memory_order_relaxed); }
  void NoteTraffic() {
    if (!has_traffic()) has_traffic_.store(true, std::memory_order_relaxed);
  }

  EjectionBudget& ejections() { return ejections_; }

 private:
  std::atomic<uint64_t> version_{0};
  std::atomic<bool> has_traffic_{false};
  EjectionBudget ejections_;
};

class EndpointHealth {
 public:
  // Why an endpoint is not to be chosen, or only where no better one is left.
  enum Flag : uint32_t {
    kFailedCheck = 1,  // The last active checks failed.
    kUnchecked = 2,    // Active checks are wanted, and none has come to an end yet.
    kEjected = 4,      // By outlier detection.
    kDegraded = 8,     // Serves, but said that it is not well.
  };

  uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
  bool is_healthy() const { return IsHealthy(flags()); }
  static bool IsHealthy(uint32_t flags) {
    return (flags & (kFailedCheck | kUnchecked | kEjected)) == 0;
  }
  bool is_degraded() const { return (flags() & kDegraded) != 0; }

  // True if that changed anything; the caller then tells the board.
  bool Set(Flag flag) { return (flags_.fetch_or(flag, std::memory_order_relaxed) & flag) == 0; }
  bool Clear(Flag flag) {
    return (flags_.fetch_and(~uint32_t{flag}, std::memory_order_relaxed) & flag) != 0;
  }

  // Monotonic time since which it has been healthy, or known; slow start counts from here.
  int64_t healthy_since_ns() const { return healthy_since_ns_.load(std::memory_order_relaxed); }
  void SetHealthySince(int64_t now_ns) {
    healthy_since_ns_.store(now_ns, std::memory_order_relaxed);
  }

  // Whether the newest attempt had no response; nothing that a choice depends on.
  bool is_doubtful() const { return is_doubtful_.load(std::memory_order_relaxed); }
  void SetDoubtful(bool is_doubtful) {
    if (is_doubtful != this->is_doubtful()) {
      is_doubtful_.store(is_doubtful, std::memory_order_relaxed);
    }
  }

  OutlierRecord& outlier() { return outlier_; }
  const OutlierRecord& outlier() const { return outlier_; }

 private:
  std::atomic<uint32_t> flags_{0};
  std::atomic<bool> is_doubtful_{false};
  std::atomic<int64_t> healthy_since_ns_{0};
  OutlierRecord outlier_;  // On a line of its own: it is written by attempts.
};

}  // namespace sluice::upstream
