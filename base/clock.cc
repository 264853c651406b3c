#include "base/clock.h"

#include <ctime>

namespace sluice {

int64_t SystemClock::MonotonicNanos() const {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

ManualClock::ManualClock(absl::Time start) : start_(start) {}

absl::Time ManualClock::Now() const { return start_ + absl::Nanoseconds(MonotonicNanos()); }

int64_t ManualClock::MonotonicNanos() const { return elapsed_ns_.load(); }

void ManualClock::Advance(absl::Duration by) { elapsed_ns_ += absl::ToInt64Nanoseconds(by); }

}  // namespace sluice
