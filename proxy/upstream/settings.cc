#include "proxy/upstream/settings.h"

#include <utility>

#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::upstream {
namespace {

using Endpoints = std::vector<std::shared_ptr<const Endpoint>>;

Endpoints ShareEach(std::vector<Endpoint> list) {
  Endpoints endpoints;
  endpoints.reserve(list.size());
  for (Endpoint& endpoint : list) {
    endpoints.push_back(std::make_shared<const Endpoint>(std::move(endpoint)));
  }
  return endpoints;
}

std::shared_ptr<const EndpointTable> MakeTable(Policy policy, const Endpoints& endpoints) {
  std::vector<BalancedEndpoint> balanced;
  balanced.reserve(endpoints.size());
  for (const auto& endpoint : endpoints) {
    balanced.push_back({StableHash(endpoint->address.ToString()), endpoint->weight});
  }
  return std::make_shared<const EndpointTable>(policy, std::move(balanced));
}

SubsetIndex MakeSubsets(const SubsetRules* rules, const EndpointTable& table,
                        const Endpoints& endpoints) {
  if (rules == nullptr) return {};
  std::vector<const Labels*> labels_of;
  labels_of.reserve(endpoints.size());
  for (const auto& endpoint : endpoints) labels_of.push_back(&endpoint->labels);
  return SubsetIndex(*rules, table.weighted(), labels_of);
}

}  // namespace

EndpointSet::EndpointSet(Policy policy, std::vector<Endpoint> list, bool is_unresolved,
                         const SubsetRules* rules)
    : endpoints(ShareEach(std::move(list))),
      table(MakeTable(policy, endpoints)),
      subsets(MakeSubsets(rules, *table, endpoints)),
      is_unresolved(is_unresolved) {}

}  // namespace sluice::upstream
