#include "proxy/upstream/balancer/endpoint_table.h"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

EndpointTable::EndpointTable(Policy policy, std::vector<BalancedEndpoint> endpoints)
    : whole_(MakeWhole(policy, std::move(endpoints))), weighted_(whole_->weighted) {
  weights_.reserve(weighted_.size());
  for (const uint32_t endpoint : weighted_) {
    weights_.push_back(whole_->endpoints[endpoint].weight);
  }
  Finish();
}

EndpointTable::EndpointTable(const EndpointTable& whole, std::span<const EndpointShare> shares)
    : whole_(whole.whole_) {
  weighted_.reserve(shares.size());
  weights_.reserve(shares.size());
  if (slots().size() > 0) present_.resize(whole_->weighted.size() / 64 + 1);
  size_t place = 0;
  for (const EndpointShare& share : shares) {
    weighted_.push_back(share.endpoint);
    weights_.push_back(share.weight);
    if (present_.empty()) continue;
    while (whole_->weighted[place] != share.endpoint) ++place;
    present_[place / 64] |= uint64_t{1} << (place % 64);
  }
  Finish();
}

std::shared_ptr<const EndpointTable::Whole> EndpointTable::MakeWhole(
    Policy policy, std::vector<BalancedEndpoint> endpoints) {
  Whole whole{policy, std::move(endpoints), {}, {}};
  for (uint32_t i = 0; i < whole.endpoints.size(); ++i) {
    BalancedEndpoint& endpoint = whole.endpoints[i];
    endpoint.weight = std::min(endpoint.weight, kMaxWeight);
    if (endpoint.weight > 0) whole.weighted.push_back(i);
  }
  std::sort(whole.weighted.begin(), whole.weighted.end(),
            [&](uint32_t a, uint32_t b) { return whole.endpoints[a].id < whole.endpoints[b].id; });
  if (whole.weighted.size() > kMaxEndpoints) whole.weighted.resize(kMaxEndpoints);
  if (whole.weighted.size() >= 2 && IsConsistent(policy)) {
    std::vector<SlotCandidate> candidates;
    for (uint32_t place = 0; place < whole.weighted.size(); ++place) {
      const BalancedEndpoint& endpoint = whole.endpoints[whole.weighted[place]];
      candidates.push_back({endpoint.id, endpoint.weight, static_cast<uint16_t>(place)});
    }
    whole.slots =
        policy == Policy::kMaglev ? SlotTable::Maglev(candidates) : SlotTable::Ring(candidates);
  }
  return std::make_shared<const Whole>(std::move(whole));
}

void EndpointTable::Finish() {
  if (weighted_.empty()) return;
  sampler_ = AliasTable(weights_);
  double total = 0;
  for (const uint32_t endpoint : weighted_) total += whole_->endpoints[endpoint].weight;
  mean_weight_ = total / static_cast<double>(weighted_.size());
}

}  // namespace sluice::upstream
