#include "proxy/upstream/balancer/endpoint_table.h"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

EndpointTable::EndpointTable(Policy policy, std::vector<BalancedEndpoint> endpoints)
    : policy_(policy), endpoints_(std::move(endpoints)) {
  for (uint32_t i = 0; i < endpoints_.size(); ++i) {
    endpoints_[i].weight = std::min(endpoints_[i].weight, kMaxWeight);
    if (endpoints_[i].weight > 0) weighted_.push_back(i);
  }
  std::sort(weighted_.begin(), weighted_.end(),
            [&](uint32_t a, uint32_t b) { return endpoints_[a].id < endpoints_[b].id; });
  if (weighted_.size() > kMaxEndpoints) weighted_.resize(kMaxEndpoints);
  if (weighted_.empty()) return;

  std::vector<uint32_t> weights;
  std::vector<SlotCandidate> candidates;
  double total = 0;
  for (uint32_t place = 0; place < weighted_.size(); ++place) {
    const BalancedEndpoint& endpoint = endpoints_[weighted_[place]];
    weights.push_back(endpoint.weight);
    candidates.push_back({endpoint.id, endpoint.weight, static_cast<uint16_t>(place)});
    total += endpoint.weight;
  }
  sampler_ = AliasTable(weights);
  mean_weight_ = total / static_cast<double>(weights.size());
  if (candidates.size() < 2) return;
  if (policy_ == Policy::kMaglev) slots_ = SlotTable::Maglev(candidates);
  if (policy_ == Policy::kHash || policy_ == Policy::kIpHash) slots_ = SlotTable::Ring(candidates);
}

}  // namespace sluice::upstream
