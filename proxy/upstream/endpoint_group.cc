#include "proxy/upstream/endpoint_group.h"

#include <algorithm>
#include <set>
#include <utility>

#include "proxy/upstream/zone_split.h"

namespace sluice::upstream {
namespace {

EndpointShare ShareOf(const EndpointSet& set, uint32_t endpoint) {
  return {endpoint, set.table->endpoints()[endpoint].weight};
}

}  // namespace

std::vector<EndpointGroup::Level> EndpointGroup::SplitByPriority(
    const EndpointSet& set, std::span<const uint32_t> members) const {
  std::set<uint32_t> priorities;
  for (const uint32_t member : members) priorities.insert(set.endpoints[member]->priority);
  std::vector<Level> levels(priorities.size());
  for (const uint32_t member : members) {
    const Endpoint& endpoint = *set.endpoints[member];
    const auto place = std::distance(priorities.begin(), priorities.find(endpoint.priority));
    Level& level = levels[static_cast<size_t>(place)];
    level.all.push_back(member);
    if (!endpoint.health->is_healthy()) continue;
    (endpoint.health->is_degraded() ? level.degraded : level.healthy).push_back(member);
  }
  return levels;
}

void EndpointGroup::Sort(const Settings& settings, const EndpointSet& set,
                         std::span<const uint32_t> members, int64_t now_ns, uint64_t version) {
  version_ = version;
  is_sorted_ = true;
  is_consistent_ = IsConsistent(set.table->policy());
  const std::vector<Level> levels = SplitByPriority(set, members);
  std::vector<LevelHealth> health;
  for (const Level& level : levels) {
    health.push_back({static_cast<uint32_t>(level.all.size()),
                      static_cast<uint32_t>(level.healthy.size()),
                      static_cast<uint32_t>(level.degraded.size())});
  }
  const std::vector<LevelLoad> loads = SpreadLoad(health, settings.panic_threshold);
  // With fewer priorities than before the last lanes go, and degraded ones lose their places.
  lanes_.resize(3 * levels.size());
  for (size_t i = 0; i < levels.size(); ++i) {
    const bool refuses = loads[i].is_in_panic && settings.fail_on_panic;
    const size_t near = 2 * i;
    const size_t degraded = 2 * levels.size() + i;
    lanes_[near].refuses = refuses;
    lanes_[near + 1].refuses = lanes_[degraded].refuses = false;
    if (loads[i].is_in_panic) {
      lanes_[near].below = loads[i].healthy;
      lanes_[near + 1].below = lanes_[degraded].below = 0;
      Fill(set, near, refuses ? std::vector<uint32_t>() : levels[i].all);
      Fill(set, near + 1, {});
      Fill(set, degraded, {});
      continue;
    }
    FillNearAndFar(settings, set, levels[i], near, loads[i].healthy);
    lanes_[degraded].below = loads[i].degraded;
    Fill(set, degraded, levels[i].degraded);
  }
  uint64_t below = 0;
  for (Lane& lane : lanes_) lane.below = below += lane.below;
  FindCold(settings.slow_start, set, members, now_ns);
  FindOnly();
}

void EndpointGroup::FillNearAndFar(const Settings& settings, const EndpointSet& set,
                                   const Level& level, size_t lane, uint64_t load) {
  const ZonePreference& preference = settings.zone_preference;
  if (preference.own_zone.empty() || level.healthy.size() < preference.least_endpoints) {
    lanes_[lane].below = load;
    lanes_[lane + 1].below = 0;
    Fill(set, lane, level.healthy);
    Fill(set, lane + 1, {});
    return;
  }
  std::set<absl::string_view> zones;
  for (const uint32_t endpoint : level.all) {
    if (!set.endpoints[endpoint]->zone.empty()) zones.insert(set.endpoints[endpoint]->zone);
  }
  std::vector<ZonedEndpoint> healthy;
  for (const uint32_t endpoint : level.healthy) {
    healthy.push_back({ShareOf(set, endpoint), set.endpoints[endpoint]->zone});
  }
  const ZoneSplit split = SplitByZone(healthy, preference.own_zone, zones.size());
  const auto near_load =
      static_cast<uint64_t>(static_cast<unsigned __int128>(load) * split.near_load / kAllLoad);
  lanes_[lane].below = near_load;
  lanes_[lane + 1].below = load - near_load;
  Fill(lane, std::make_shared<const EndpointTable>(*set.table, split.near));
  Fill(lane + 1, std::make_shared<const EndpointTable>(*set.table, split.far));
}

void EndpointGroup::Fill(const EndpointSet& set, size_t lane, std::span<const uint32_t> endpoints) {
  // What holds every endpoint needs no table of its own.
  if (endpoints.size() == set.table->weighted().size()) return Fill(lane, set.table);
  std::vector<EndpointShare> shares;
  shares.reserve(endpoints.size());
  for (const uint32_t endpoint : endpoints) shares.push_back(ShareOf(set, endpoint));
  Fill(lane, std::make_shared<const EndpointTable>(*set.table, shares));
}

void EndpointGroup::Fill(size_t lane, std::shared_ptr<const EndpointTable> table) {
  Lane& filled = lanes_[lane];
  filled.is_used = !table->weighted().empty();
  if (filled.balancer != nullptr) {
    filled.balancer->Adopt(std::move(table));
  } else if (filled.is_used) {
    filled.balancer = std::make_unique<Balancer>(std::move(table), loads_, random_.Next());
  }
}

// An endpoint is cold only beside warm ones: where all are new, as when the proxy has started,
// to spare some would burden others that are as cold.
void EndpointGroup::FindCold(const SlowStart& slow_start, const EndpointSet& set,
                             std::span<const uint32_t> members, int64_t now_ns) {
  warm_up_.Reset(slow_start);
  if (slow_start.window_ns == 0 || is_consistent_) return;
  bool has_warm = false;
  for (const uint32_t member : members) {
    const EndpointHealth& health = *set.endpoints[member]->health;
    if (!health.is_healthy()) continue;
    const int64_t since_ns = health.healthy_since_ns();
    if (since_ns != 0 && now_ns - since_ns < slow_start.window_ns) {
      warm_up_.Add(member, since_ns);
    } else {
      has_warm = true;
    }
  }
  if (!has_warm) warm_up_.Reset(slow_start);
}

void EndpointGroup::FindOnly() {
  only_ = nullptr;
  size_t used = 0;
  for (Lane& lane : lanes_) {
    // What falls to one that refuses is nobody else's.
    used += lane.is_used || lane.refuses;
    if (lane.is_used) only_ = lane.balancer.get();
  }
  if (used != 1 || warm_up_.ends_ns() != 0) only_ = nullptr;
}

// Of kAllLoad. A request that hashes is drawn by its hash, and so stays with its priority while
// that takes what it took.
uint64_t EndpointGroup::Draw(const PickRequest& request) {
  if (!is_consistent_ || !request.hash.has_value()) return random_.Next() >> 32;
  // Not the bits that choose among the endpoints.
  return FastRandom(*request.hash).Next() >> 32;
}

std::optional<uint32_t> EndpointGroup::PickFromLanes(const PickRequest& request) {
  PickRequest wanted = request;
  if (request.now_ns < warm_up_.ends_ns()) wanted.warm_up = &warm_up_;
  const uint64_t drawn = Draw(request);
  Lane* chosen = nullptr;
  for (Lane& lane : lanes_) {
    if (drawn >= lane.below) continue;
    chosen = &lane;
    break;
  }
  // One that refuses has no endpoints.
  if (chosen == nullptr || !chosen->is_used) return std::nullopt;
  const std::optional<uint32_t> endpoint = chosen->balancer->Pick(wanted);
  if (endpoint.has_value() || request.is_excluded == nullptr) return endpoint;
  for (Lane& lane : lanes_) {
    if (!lane.is_used || &lane == chosen) continue;
    if (const auto other = lane.balancer->Pick(wanted)) return other;
  }
  return std::nullopt;
}

}  // namespace sluice::upstream
