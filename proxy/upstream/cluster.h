// One worker's view of an upstream: its balancer and its pools.
//
// A change of the upstream keeps what it can: the pool of every endpoint whose address, protocol
// and identity stay, and the balancer's state for every endpoint that stays.
//
// Thread: its worker's. Lifetime: counted by those who use it (Use), because an exchange may
// outlive the configuration that named it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "proxy/upstream/cluster_balancer.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/settings.h"

namespace sluice::upstream {

class Cluster {
 public:
  Cluster(PoolContext& context, Graveyard& graveyard, std::shared_ptr<const Settings> settings,
          std::shared_ptr<const EndpointSet> endpoints, uint64_t seed);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Either may be the present one.
  void Update(std::shared_ptr<const Settings> settings,
              std::shared_ptr<const EndpointSet> endpoints);

  const Settings& settings() const { return *settings_; }
  const std::shared_ptr<const Settings>& shared_settings() const { return settings_; }
  const EndpointSet& endpoints() const { return *endpoints_; }
  // Holds what Choice points to.
  const std::shared_ptr<const EndpointSet>& shared_endpoints() const { return endpoints_; }
  ClusterBalancer& balancer() { return balancer_; }

  // The pool of an endpoint, by index.
  Pool& PoolOf(uint32_t endpoint);

 private:
  friend class ClusterRef;

  PoolContext& context_;
  Graveyard& graveyard_;
  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<const EndpointSet> endpoints_;
  ClusterBalancer balancer_;
  absl::flat_hash_map<net::Address, std::unique_ptr<Pool>> pools_;
  std::vector<Pool*> pool_of_;  // By endpoint index; null until it is asked for.
  uint32_t references_ = 0;
};

// A counted reference to a cluster, within one worker.
class ClusterRef {
 public:
  ClusterRef() = default;
  explicit ClusterRef(Cluster* cluster) : cluster_(cluster) { ++cluster_->references_; }
  ClusterRef(ClusterRef&& other) noexcept : cluster_(std::exchange(other.cluster_, nullptr)) {}
  ClusterRef& operator=(ClusterRef&& other) noexcept {
    std::swap(cluster_, other.cluster_);
    return *this;
  }
  ~ClusterRef() {
    if (cluster_ != nullptr && --cluster_->references_ == 0) delete cluster_;
  }
  ClusterRef Share() const { return cluster_ == nullptr ? ClusterRef() : ClusterRef(cluster_); }
  Cluster* get() const { return cluster_; }
  Cluster* operator->() const { return cluster_; }
  explicit operator bool() const { return cluster_ != nullptr; }

 private:
  Cluster* cluster_ = nullptr;
};

}  // namespace sluice::upstream
