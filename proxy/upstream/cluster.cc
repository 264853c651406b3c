#include "proxy/upstream/cluster.h"

#include "absl/container/flat_hash_map.h"

namespace sluice::upstream {
namespace {

// Whether connections made under one are as good under the other. Of how many are kept, and for how
// long, a pool is told (Pool::Adopt).
bool SameConnections(const Settings& a, const Settings& b) {
  return a.protocol == b.protocol && a.max_streams == b.max_streams &&
         a.proxy_protocol == b.proxy_protocol && SameTls(a.tls.get(), b.tls.get());
}

}  // namespace

Cluster::Cluster(PoolContext& context, Graveyard& graveyard,
                 std::shared_ptr<const Settings> settings,
                 std::shared_ptr<const EndpointSet> endpoints, uint64_t seed)
    : context_(context),
      graveyard_(graveyard),
      settings_(std::move(settings)),
      endpoints_(std::move(endpoints)),
      balancer_(settings_, endpoints_, seed),
      pool_of_(endpoints_->endpoints.size()) {}

Cluster::~Cluster() {
  for (auto& [address, pool] : pools_) graveyard_.Bury(std::move(pool));
}

void Cluster::Update(std::shared_ptr<const Settings> settings,
                     std::shared_ptr<const EndpointSet> endpoints) {
  const bool keeps_pools = SameConnections(*settings, *settings_);
  settings_ = std::move(settings);
  endpoints_ = std::move(endpoints);
  balancer_.Adopt(settings_, endpoints_);
  absl::flat_hash_map<net::Address, const Endpoint*> present;
  for (const auto& endpoint : endpoints_->endpoints) present[endpoint->address] = endpoint.get();
  for (auto it = pools_.begin(); it != pools_.end();) {
    const auto endpoint = present.find(it->first);
    if (keeps_pools && endpoint != present.end() &&
        it->second->destination() == DestinationOf(*settings_, *endpoint->second)) {
      it->second->Adopt(settings_);
      ++it;
      continue;
    }
    graveyard_.Bury(std::move(it->second));
    pools_.erase(it++);
  }
  pool_of_.assign(endpoints_->endpoints.size(), nullptr);
}

Pool& Cluster::PoolOf(uint32_t endpoint) {
  Pool*& pool = pool_of_[endpoint];
  if (pool == nullptr) {
    const Endpoint& chosen = *endpoints_->endpoints[endpoint];
    std::unique_ptr<Pool>& owned = pools_[chosen.address];
    if (owned == nullptr) owned = MakePool(context_, DestinationOf(*settings_, chosen), settings_);
    pool = owned.get();
  }
  return *pool;
}

}  // namespace sluice::upstream
