#include "proxy/upstream/balancer/endpoint_loads.h"

#include "absl/container/flat_hash_map.h"

namespace sluice::upstream {

EndpointLoads::~EndpointLoads() {
  for (EndpointLoad* load : loads_) Unlist(load);
}

void EndpointLoads::Unlist(EndpointLoad* load) {
  load->listed_ = false;
  if (load->active_ == 0) delete load;
}

void EndpointLoads::Adopt(const EndpointTable& table) {
  absl::flat_hash_map<uint64_t, EndpointLoad*> kept;
  for (size_t i = 0; i < loads_.size(); ++i) {
    if (!kept.emplace(ids_[i], loads_[i]).second) Unlist(loads_[i]);
  }
  loads_.clear();
  ids_.clear();
  if (table.policy() == Policy::kLeastRequest || table.policy() == Policy::kEwma) {
    for (const BalancedEndpoint& endpoint : table.endpoints()) {
      const auto it = kept.find(endpoint.id);
      loads_.push_back(it == kept.end() ? new EndpointLoad : it->second);
      ids_.push_back(endpoint.id);
      if (it != kept.end()) kept.erase(it);
    }
  }
  for (const auto& [id, load] : kept) Unlist(load);
}

}  // namespace sluice::upstream
