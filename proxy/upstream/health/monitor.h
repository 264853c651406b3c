// The health of the endpoints of all upstreams that want to know it: runs their checks and the slow
// part of their outlier detection, and tells people.
//
// Upstreams come as the workers get them. One that has neither checks nor outlier detection costs
// nothing here. A large change is worked off over several turns of the loop.
//
// Thread: its loop's. Lifetime: between Stop(), or the last check, and its destruction is a turn of
// the loop.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "proxy/upstream/health/upstream_health.h"

namespace sluice::upstream::health {

class HealthMonitor final : private event::Task {
 public:
  // An upstream that came or changed; without settings: that went. `slot`: the workers' number of
  // it, which another one may get later.
  struct Step {
    uint32_t slot = 0;
    std::shared_ptr<const Settings> settings;
    std::shared_ptr<const EndpointSet> endpoints;
  };

  HealthMonitor(net::IoContext& io, observe::WorkerMetrics& metrics, uint64_t seed);
  ~HealthMonitor();

  void Apply(std::vector<Step> steps);
  // Gives up all checks. What they leave behind goes with the loop's next turn.
  void Stop();

  // Nothing if its upstream has neither checks nor outlier detection.
  std::optional<EndpointReport> Find(absl::string_view upstream, const net::Address& address) const;

  struct Unhealthy {
    size_t count = 0;
    std::vector<EndpointReport> first;  // By name; at most as many as were asked for.
  };
  Unhealthy ListUnhealthy(size_t most) const;

 private:
  // Endpoints, about, of one turn.
  static constexpr size_t kWorkPerTurn = 1024;

  void Run() override;
  void Take(Step& step);
  void Remove(uint32_t slot);

  net::IoContext& io_;
  http::h1::RawHead scratch_head_;
  CheckContext context_;
  std::deque<Step> steps_;                                                    // To be taken.
  absl::flat_hash_map<uint32_t, std::unique_ptr<UpstreamHealth>> upstreams_;  // By slot.
  absl::flat_hash_map<std::string, UpstreamHealth*> by_name_;
};

}  // namespace sluice::upstream::health
