// One upstream on the control thread: its endpoints' checks, and that part of outlier detection
// that is not on the request path.
//
// Thread: the loop's. Ownership: the monitor's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proxy/upstream/health/endpoint_watch.h"

namespace sluice::upstream::health {

class UpstreamHealth {
 public:
  // Whether there is anything to do for an upstream with these settings.
  static bool IsNeeded(const Settings& settings) {
    return settings.checks != nullptr || settings.outlier != nullptr;
  }

  explicit UpstreamHealth(CheckContext& context);
  UpstreamHealth(const UpstreamHealth&) = delete;
  UpstreamHealth& operator=(const UpstreamHealth&) = delete;

  // Settings for which nothing is needed any more end all that was done. It goes on looking after
  // its endpoints: a worker may eject one under the settings before.
  void Update(std::shared_ptr<const Settings> settings, const EndpointSet& endpoints);
  const Settings& settings() const { return *settings_; }

  const EndpointWatch* Find(const net::Address& address) const;

 private:
  // How late an ejection may end, and be counted.
  static constexpr int64_t kTickNs = 250'000'000;
  static constexpr int64_t kNever = INT64_MAX;

  void OnTick();
  void CompareRates();
  // Something may become of what others do: ejections, the first request.
  bool NeedsTick() const;
  void ArmTick();

  CheckContext& context_;
  std::shared_ptr<const Settings> settings_;
  std::vector<std::shared_ptr<const CheckPlan>> plans_;
  absl::flat_hash_map<net::Address, std::unique_ptr<EndpointWatch>> watches_;
  event::Timer tick_;
  int64_t compare_at_ns_ = kNever;
  uint64_t seen_version_ = 0;  // Of the board.
  bool had_traffic_ = false;
};

}  // namespace sluice::upstream::health
