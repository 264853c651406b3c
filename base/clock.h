// Time as a dependency, so that tests choose it.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace sluice {

// Thread: any.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time: for people, logs and what is stored. It may jump.
  virtual absl::Time Now() const = 0;

  // Nanoseconds since some fixed moment; never goes back. For durations and order.
  virtual int64_t MonotonicNanos() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  int64_t MonotonicNanos() const override;
};

// Stands still until it is told to move.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000));

  absl::Time Now() const override;
  int64_t MonotonicNanos() const override;
  void Advance(absl::Duration by);

 private:
  const absl::Time start_;
  std::atomic<int64_t> elapsed_ns_{0};
};

}  // namespace sluice
