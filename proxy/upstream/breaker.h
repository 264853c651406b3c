// What an upstream has under way, counted over all workers, and the limits at which it is refused
// more.
//
// Counting is an atomic addition, nothing waits, and a limit holds exactly: whoever would pass it
// takes its addition back. There is one Breaker for each upstream name, over all generations.
//
// Thread: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace sluice::upstream {

// As Upstream.breakers has them.
struct BreakerLimits {
  uint32_t connections = 1024;
  uint32_t pending = 1024;
  uint32_t requests = 1024;
  uint32_t retries = UINT32_MAX;

  friend bool operator==(const BreakerLimits&, const BreakerLimits&) = default;
};

// One count. On a cache line of its own: workers write it all the time.
class alignas(64) Gauge {
 public:
  uint32_t value() const { return count_.load(std::memory_order_relaxed); }
  void Take() { count_.fetch_add(1, std::memory_order_relaxed); }
  void Give() { count_.fetch_sub(1, std::memory_order_relaxed); }
  // One more, unless that would be more than `limit`.
  bool TryTake(uint32_t limit) {
    if (count_.fetch_add(1, std::memory_order_relaxed) < limit) return true;
    Give();
    return false;
  }

 private:
  std::atomic<uint32_t> count_{0};
};

struct Breaker {
  Gauge connections;  // Open and being opened.
  Gauge pending;      // Attempts that wait for a connection.
  Gauge requests;     // Attempts.
  Gauge retries;      // Attempts beyond a request's first that the budget counts, and who waits.
  Gauge waiting;      // Requests that wait to be sent again: they have no attempt.
};

// One that is counted, until this goes. Lifetime: within the breaker's.
class Permit {
 public:
  Permit() = default;
  // Takes over what TryTake() took.
  explicit Permit(Gauge& gauge) : gauge_(&gauge) {}
  Permit(Permit&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)) {}
  Permit& operator=(Permit&& other) noexcept {
    std::swap(gauge_, other.gauge_);
    return *this;
  }
  ~Permit() { Give(); }
  explicit operator bool() const { return gauge_ != nullptr; }

  void Give() {
    if (gauge_ != nullptr) std::exchange(gauge_, nullptr)->Give();
  }

 private:
  Gauge* gauge_ = nullptr;
};

}  // namespace sluice::upstream
