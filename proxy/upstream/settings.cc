#include "proxy/upstream/settings.h"

#include <utility>

#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::upstream {
namespace {

std::shared_ptr<const EndpointTable> MakeTable(Policy policy,
                                               const std::vector<Endpoint>& endpoints) {
  std::vector<BalancedEndpoint> balanced;
  balanced.reserve(endpoints.size());
  for (const Endpoint& endpoint : endpoints) {
    balanced.push_back({StableHash(endpoint.address.ToString()), endpoint.weight});
  }
  return std::make_shared<const EndpointTable>(policy, std::move(balanced));
}

SubsetIndex MakeSubsets(const SubsetRules* rules, const EndpointTable& table,
                        const std::vector<Endpoint>& endpoints) {
  if (rules == nullptr) return {};
  std::vector<const Labels*> labels_of;
  labels_of.reserve(endpoints.size());
  for (const Endpoint& endpoint : endpoints) labels_of.push_back(&endpoint.labels);
  return SubsetIndex(*rules, table.weighted(), labels_of);
}

}  // namespace

EndpointSet::EndpointSet(Policy policy, std::vector<Endpoint> list, bool is_unresolved,
                         const SubsetRules* rules)
    : endpoints(std::move(list)),
      table(MakeTable(policy, endpoints)),
      subsets(MakeSubsets(rules, *table, endpoints)),
      is_unresolved(is_unresolved) {}

}  // namespace sluice::upstream
