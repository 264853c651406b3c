// Some endpoints of an upstream, all or a subset, sorted by what decides whether they are chosen:
// priority, health and zone.
//
// They stand in lanes, each with a balancer of its own and a share of the requests: of each
// priority those that are well in the proxy's own zone ("near") and in others ("far"; without
// zones all are near), then of each priority those that are degraded. Where so few are well that
// health is no guide (panic), all of a priority are in its near lane.
//
// A pick costs the balancer's alone while there is one lane; with several also a draw. Sorting
// costs microseconds to a millisecond (O(n log n)), happens when health or endpoints have changed,
// and keeps the rotation of every endpoint that stays in its lane.
//
// Thread: its worker's. Lifetime: within that of the loads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "proxy/upstream/balancer/balancer.h"
#include "proxy/upstream/priority_load.h"
#include "proxy/upstream/settings.h"

namespace sluice::upstream {

class EndpointGroup {
 public:
  EndpointGroup(const EndpointLoads& loads, uint64_t seed) : loads_(loads), random_(seed) {}

  // `members` are of set.table->weighted(), in its order. `version` is the board's, read before.
  void Sort(const Settings& settings, const EndpointSet& set, std::span<const uint32_t> members,
            int64_t now_ns, uint64_t version);

  bool is_sorted_at(uint64_t version) const { return is_sorted_ && version_ == version; }
  // Settings or endpoints have changed.
  void MarkStale() { is_sorted_ = false; }
  // Nobody has picked since.
  bool is_stale() const { return !is_sorted_; }

  // An endpoint by its share; if all of its lane are excluded, one of another lane.
  std::optional<uint32_t> Pick(const PickRequest& request) {
    if (only_ != nullptr) return only_->Pick(request);
    return PickFromLanes(request);
  }

 private:
  struct Lane {
    std::unique_ptr<Balancer> balancer;  // Null before it has had an endpoint.
    uint64_t below = 0;    // Draws below it and not below the lane before are its own.
    bool refuses = false;  // Its priority panics, and is to answer 503 then.
    bool is_used = false;  // It has endpoints.
  };
  // One priority while it is sorted.
  struct Level {
    std::vector<uint32_t> all, healthy, degraded;
  };

  std::vector<Level> SplitByPriority(const EndpointSet& set,
                                     std::span<const uint32_t> members) const;
  void FillNearAndFar(const Settings& settings, const EndpointSet& set, const Level& level,
                      size_t lane, uint64_t load);
  void Fill(const EndpointSet& set, size_t lane, std::span<const uint32_t> endpoints);
  void Fill(size_t lane, std::shared_ptr<const EndpointTable> table);
  void FindCold(const SlowStart& slow_start, const EndpointSet& set,
                std::span<const uint32_t> members, int64_t now_ns);
  void FindOnly();
  uint64_t Draw(const PickRequest& request);
  std::optional<uint32_t> PickFromLanes(const PickRequest& request);

  const EndpointLoads& loads_;
  FastRandom random_;
  // Near and far of each priority, then degraded of each.
  std::vector<Lane> lanes_;
  Balancer* only_ = nullptr;  // The lane that gets everything, if no other has endpoints.
  WarmUp warm_up_;
  uint64_t version_ = 0;
  bool is_sorted_ = false;
  bool is_consistent_ = false;
};

}  // namespace sluice::upstream
