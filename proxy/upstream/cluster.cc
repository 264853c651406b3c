#include "proxy/upstream/cluster.h"

#include "absl/container/flat_hash_set.h"

namespace sluice::upstream {
namespace {

// Whether connections made under one are as good under the other.
bool SameConnections(const Settings& a, const Settings& b) {
  return a.protocol == b.protocol && a.connect_timeout_ns == b.connect_timeout_ns &&
         a.idle_timeout_ns == b.idle_timeout_ns && a.max_idle == b.max_idle &&
         a.max_streams == b.max_streams && a.proxy_protocol == b.proxy_protocol;
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
  absl::flat_hash_set<net::Address> kept;
  for (const Endpoint& endpoint : endpoints_->endpoints) kept.insert(endpoint.address);
  for (auto it = pools_.begin(); it != pools_.end();) {
    if (keeps_pools && kept.contains(it->first)) {
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
    const net::Address& address = endpoints_->endpoints[endpoint].address;
    std::unique_ptr<Pool>& owned = pools_[address];
    if (owned == nullptr) owned = MakePool(context_, address, settings_);
    pool = owned.get();
  }
  return *pool;
}

size_t Cluster::connection_count() const {
  size_t count = 0;
  for (const auto& [address, pool] : pools_) count += pool->connection_count();
  return count;
}

}  // namespace sluice::upstream
