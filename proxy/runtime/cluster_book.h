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

#include "api/resource/endpoint_traits.h"
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
  // One address from several sources is one endpoint: what the file says of it counts, else what
  // the owner says whose name is the smallest.
  void UpsertEndpoint(const v1::RegisteredEndpoint& endpoint);
  void RemoveEndpoint(const v1::RegisteredEndpoint& endpoint);
  void ClearEndpoints();

  // Null if there is no such upstream.
  std::shared_ptr<ClusterLease> Lease(const std::string& upstream);

  // Addresses of a name, from DNS; empty while it has none. Of a name that nobody wants: nothing
  // happens.
  void SetResolved(const std::string& host, std::vector<net::IpAddress> addresses);
  // Host names whose addresses are wanted, as of the last TakeSteps().
  std::set<std::string> WantedNames() const;

  // What the workers must do to be up to date; each step is given once.
  std::vector<ClusterStep> TakeSteps();
  bool has_steps() const { return !dirty_.empty() || !released_.empty(); }

  // The workers have taken every step that was given: destroys what they had before.
  void Reap() { replaced_.clear(); }

 private:
  friend class ClusterLease;
  using UpstreamHandle = observe::GroupHandle<observe::UpstreamMetric>;
  using EndpointHandle = observe::GroupHandle<observe::EndpointMetric>;
  // An endpoint as written: an address, or a name that DNS turns into some.
  struct Source {
    std::string host;  // Empty: numeric.
    net::IpAddress ip;
    uint16_t port = 0;
    resource::EndpointTraits traits;
  };
  struct Book {
    std::shared_ptr<const upstream::Settings> settings;
    std::shared_ptr<ClusterLease> lease;
    std::shared_ptr<upstream::Breaker> breaker;
    std::shared_ptr<upstream::HealthBoard> board;
    std::shared_ptr<UpstreamHandle> metrics;
    std::map<std::string, Source> configured;  // By text.
    // As of its last step.
    std::shared_ptr<const upstream::EndpointSet> endpoints;
    std::map<std::string, std::shared_ptr<EndpointHandle>> endpoint_metrics;  // By text.
    std::map<net::Address, std::shared_ptr<upstream::EndpointHealth>> health;
    std::set<std::string> hosts;
  };
  // A name that endpoints have.
  struct Host {
    std::vector<net::IpAddress> addresses;
    std::set<std::string> users;  // Upstreams.
  };
  // Collects the endpoints of one upstream.
  class SetBuilder;

  static bool ParseSource(const std::string& text, Source& out);
  std::shared_ptr<upstream::EndpointHealth> NewHealth(bool has_others) const;
  uint32_t TakeSlot();
  // Nothing if it is null.
  void Replace(std::shared_ptr<const void> object);
  void DropUser(const std::string& host, const std::string& upstream);
  std::shared_ptr<const upstream::EndpointSet> BuildSet(const std::string& name, Book& book);

  const Clock& clock_;
  observe::MetricRegistry& metrics_;
  const std::string zone_;
  // What workers may still have: thousands of endpoints are not destroyed by one of them.
  std::vector<std::shared_ptr<const void>> replaced_;
  std::vector<uint32_t> released_;
  std::vector<uint32_t> free_slots_;
  uint32_t next_slot_ = 0;
  std::map<std::string, Host> hosts_;
  // Upstream, address text, owner. A registration may come before its upstream.
  std::map<std::string, std::map<std::string, std::map<std::string, Source>>> registered_;
  std::set<std::string> dirty_;        // Upstreams whose step is to be taken.
  std::map<std::string, Book> books_;  // Last: its leases release slots when it goes.
};

}  // namespace sluice::runtime
