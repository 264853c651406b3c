#include "proxy/upstream/cluster_balancer.h"

#include <utility>

namespace sluice::upstream {

ClusterBalancer::ClusterBalancer(std::shared_ptr<const Settings> settings,
                                 std::shared_ptr<const EndpointSet> endpoints, uint64_t seed)
    : settings_(std::move(settings)),
      endpoints_(std::move(endpoints)),
      all_(loads_, seed),
      subsets_(endpoints_->subsets.size()),
      random_(seed) {
  loads_.Adopt(*endpoints_->table);
}

void ClusterBalancer::Adopt(std::shared_ptr<const Settings> settings,
                            std::shared_ptr<const EndpointSet> endpoints) {
  settings_ = std::move(settings);
  if (endpoints != endpoints_) {
    const std::shared_ptr<const EndpointSet> before = std::exchange(endpoints_, endpoints);
    loads_.Adopt(*endpoints_->table);
    KeepSubsets(*before);
  }
  all_.MarkStale();
  for (const auto& subset : subsets_) {
    if (subset != nullptr) subset->MarkStale();
  }
}

void ClusterBalancer::KeepSubsets(const EndpointSet& before) {
  std::vector<std::unique_ptr<EndpointGroup>> kept(endpoints_->subsets.size());
  for (const auto& [key, subset] : before.subsets.subsets()) {
    // One that nobody picked from while these endpoints were there holds others still: it would
    // keep them for as long as nobody does.
    if (subsets_[subset] == nullptr || subsets_[subset]->is_stale()) continue;
    const std::optional<uint32_t> now = endpoints_->subsets.Find(key);
    if (now.has_value()) kept[*now] = std::move(subsets_[subset]);
  }
  subsets_ = std::move(kept);
}

std::optional<uint32_t> ClusterBalancer::PickFrom(absl::string_view key,
                                                  const PickRequest& request) {
  using Fallback = SubsetRules::Fallback;
  const SubsetIndex& index = endpoints_->subsets;
  std::optional<uint32_t> subset = index.Find(key);
  if (!subset.has_value()) {
    const SubsetRules* rules = settings_->subsets.get();
    if (rules == nullptr || rules->fallback == Fallback::kNone) return std::nullopt;
    if (rules->fallback == Fallback::kAny) return Pick(request);
    subset = index.Find(rules->default_key);
    if (!subset.has_value()) return std::nullopt;
  }
  std::unique_ptr<EndpointGroup>& group = subsets_[*subset];
  if (group == nullptr) group = std::make_unique<EndpointGroup>(loads_, random_.Next());
  const uint64_t version = settings_->board->version();
  if (!group->is_sorted_at(version)) [[unlikely]] {
    group->Sort(*settings_, *endpoints_, index.members(*subset), request.now_ns, version);
  }
  return group->Pick(request);
}

void ClusterBalancer::Sort(int64_t now_ns, uint64_t version) {
  all_.Sort(*settings_, *endpoints_, endpoints_->table->weighted(), now_ns, version);
}

}  // namespace sluice::upstream
