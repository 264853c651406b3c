// What the fleet counts, for /metrics.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace sluice::fleet {

// Durations in buckets of fixed bounds, as Prometheus has them.
class Histogram {
 public:
  static constexpr std::array<double, 14> kBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                     1,     2.5,  5,     10,   30,  60,   300};

  void Add(absl::Duration duration);
  void AppendTo(const char* name, const char* help, std::string* out) const;

 private:
  std::array<uint64_t, kBounds.size() + 1> counts_{};
  double sum_ = 0;
};

// A value; every count is since the start of the process.
struct Stats {
  uint64_t connects = 0;
  uint64_t disconnects = 0;
  uint64_t refused_duplicates = 0;
  uint64_t refused_overload = 0;
  uint64_t refused_invalid = 0;
  uint64_t full_updates = 0;
  uint64_t delta_updates = 0;
  uint64_t update_bytes = 0;
  uint64_t active = 0;  // Statuses, by phase.
  uint64_t degraded = 0;
  uint64_t rejected = 0;
  uint64_t slow = 0;  // Updates that took longer than is allowed.
  uint64_t resyncs = 0;
  uint64_t epoch_raises = 0;
  Histogram commit_to_active;
};

// As they stand.
struct Gauges {
  uint64_t generation = 0;
  uint64_t epoch = 0;
  std::array<uint64_t, 16> proxies_by_state{};  // By v1::ProxyStatus::State.
  uint64_t views = 0;
  uint64_t backlog = 0;
};

// Prometheus text format.
void AppendMetrics(const Stats& stats, const Gauges& gauges, std::string* out);

}  // namespace sluice::fleet
