// The clusters of all workers as the build thread keeps them: upstreams, the endpoints that are
// registered for them, what DNS makes of their names, and the slots under which workers hold them.
//
// Thread: the build thread. Lifetime: outlives its leases.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "proxy/net/address.h"
#include "proxy/observe/metric_registry.h"
#include "proxy/runtime/snapshot.h"
#include "sluice/v1/config_stream.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::runtime {

class ClusterBook;

// Holds a slot: what routes have of a cluster. When the last lease goes, the workers' clusters go.
class ClusterLease {
 public:
  ClusterLease(ClusterBook& book, uint32_t slot) : book_(book), slot_(slot) {}
  ~ClusterLease();
  ClusterLease(const ClusterLease&) = delete;
  ClusterLease& operator=(const ClusterLease&) = delete;
  uint32_t slot() const { return slot_; }

 private:
  ClusterBook& book_;
  const uint32_t slot_;
};

class ClusterBook {
 public:
  // `zone`: the proxy's; empty if it has none.
  ClusterBook(const Clock& clock, observe::MetricRegistry& metrics, std::string zone)
      : clock_(clock), metrics_(metrics), zone_(std::move(zone)) {}

  // `tls`: how its connections are encrypted; null: not at all.
  void Upsert(const v1::Resource& upstream, std::shared_ptr<const upstream::Tls> tls);
  void Remove(const std::string& name);
  // Removes all upstreams that `kept` lacks.
  template <typename Map>
  void RemoveAbsent(const Map& kept) {
    std::vector<std::string> absent;
    for (const auto& [name, book] : books_) {
      if (!kept.contains(name)) absent.push_back(name);
    }
    for (const std::string& name : absent) Remove(name);
  }
  bool Has(const std::string& name) const { return books_.contains(name); }
  void UpsertEndpoint(const v1::RegisteredEndpoint& endpoint);
  void RemoveEndpoint(const v1::RegisteredEndpoint& endpoint);
  void ClearEndpoints();

  // Null if there is no such upstream.
  std::shared_ptr<ClusterLease> Lease(const std::string& upstream);

  // Addresses of a name, from DNS; empty while it has none.
  void SetResolved(const std::string& host, std::vector<net::IpAddress> addresses);
  // Host names whose addresses are wanted now.
  std::set<std::string> WantedNames() const;

  // What the workers must do to be up to date; each step is given once.
  std::vector<ClusterStep> TakeSteps();
  bool has_steps() const { return !dirty_.empty() || !released_.empty(); }

 private:
  friend class ClusterLease;
  using UpstreamHandle = observe::GroupHandle<observe::UpstreamMetric>;
  using EndpointHandle = observe::GroupHandle<observe::EndpointMetric>;
  // An endpoint as written: an address, or a name that DNS turns into some.
  struct Source {
    std::string host;  // Empty: numeric.
    net::IpAddress ip;
    uint16_t port = 0;
    uint32_t weight = 1;
    uint32_t priority = 0;
    std::string zone;
    upstream::Labels labels;
  };
  struct Book {
    std::shared_ptr<const upstream::Settings> settings;
    std::shared_ptr<ClusterLease> lease;
    std::shared_ptr<upstream::Breaker> breaker;
    std::shared_ptr<upstream::HealthBoard> board;
    std::shared_ptr<UpstreamHandle> metrics;
    std::map<std::string, Source> configured;                                 // By text.
    std::map<std::string, std::shared_ptr<EndpointHandle>> endpoint_metrics;  // By text.
    std::map<net::Address, std::shared_ptr<upstream::EndpointHealth>> health;
  };
  struct Registered {
    Source source;
    std::set<std::string> owners;
  };

  static bool ParseSource(const std::string& text, Source& out);
  std::shared_ptr<upstream::EndpointHealth> NewHealth(bool has_others) const;
  uint32_t TakeSlot();
  std::map<std::string, Source> AllSources(const std::string& name, const Book& book) const;
  std::vector<net::IpAddress> Addresses(const Source& source) const;
  std::shared_ptr<const upstream::EndpointSet> BuildSet(const std::string& name, Book& book);

  const Clock& clock_;
  observe::MetricRegistry& metrics_;
  const std::string zone_;
  std::vector<uint32_t> released_;
  std::vector<uint32_t> free_slots_;
  uint32_t next_slot_ = 0;
  std::map<std::string, std::vector<net::IpAddress>> resolved_;
  // Upstream, address text. A registration may come before its upstream.
  std::map<std::string, std::map<std::string, Registered>> registered_;
  std::set<std::string> dirty_;        // Upstreams whose step is to be taken.
  std::map<std::string, Book> books_;  // Last: its leases release slots when it goes.
};

}  // namespace sluice::runtime
