// From resources to what workers serve: compiles a generation from the one before and what changed.
//
// A build is all or nothing: everything that changed is compiled first; only if all of it could be
// is the builder's state, and the result, the new generation. Cost follows what changed: a route
// costs its own compilation and a path through each table that holds it; a service or plugin set
// also the routes that use it; a listener all routes.
//
// Thread: the build thread. Lifetime: outlives the workers' use of what it built (Reap).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "api/resource/key.h"
#include "api/resource/problem.h"
#include "proxy/exchange/pin_table.h"
#include "proxy/runtime/cluster_book.h"
#include "proxy/runtime/plugin_layers.h"
#include "proxy/runtime/snapshot.h"
#include "proxy/runtime/ticket_book.h"
#include "proxy/runtime/upstream_tls.h"

namespace sluice::runtime {

using resource::Kind;

// Serialised v1::Resource bytes, as received.
struct Upsert {
  resource::Key key;
  std::string bytes;
};

struct Change {
  uint64_t generation = 0;
  // What is not among the upserts is removed.
  bool is_full = false;
  std::vector<Upsert> upserts;
  std::vector<resource::Key> removals;
  std::vector<v1::RegisteredEndpoint> endpoint_upserts;
  std::vector<v1::RegisteredEndpoint> endpoint_removals;
  std::vector<GivenTicketKeys> ticket_upserts;
  std::vector<std::string> ticket_removals;  // Names of listeners.
};

class Builder {
 public:
  // `pins`: the tables of all workers. `zone`: the proxy's; empty if it has none.
  Builder(const Clock& clock, PluginMaker maker, observe::MetricRegistry& metrics,
          observe::LogThread& log, std::vector<exchange::PinTable*> pins, std::string zone);
  ~Builder();
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;

  struct Result {
    std::shared_ptr<const Snapshot> snapshot;
    std::vector<ClusterStep> steps;
  };

  // The next generation. With problems it has none: the present one stands.
  struct Outcome {
    Result result;
    std::vector<resource::Problem> problems;
    bool ok() const { return problems.empty(); }
  };
  Outcome Build(const Change& change);

  // The present generation with other addresses of a name. Its steps may be empty.
  Result Resolve(const std::string& host, std::vector<net::IpAddress> addresses);
  std::set<std::string> WantedNames() const { return clusters_.WantedNames(); }

  // All workers serve the newest result: frees what no exchange uses any more. True if there are
  // cluster steps that should be published (PendingSteps).
  bool Reap();
  Result PendingSteps();
  // Something waits for exchanges to end.
  bool has_retired() const { return !retired_.empty(); }

  std::shared_ptr<const Snapshot> snapshot() const { return snapshot_; }
  // Of all listeners; rotate those that are its own now and then.
  TicketBook& tickets() { return *tickets_; }
  size_t route_count() const { return routes_.size(); }

 private:
  struct RouteEntry {
    std::string bytes;
    std::shared_ptr<const exchange::CompiledRoute> compiled;
  };
  // A kind whose resources are kept parsed: there are few of them.
  using Parsed = std::map<std::string, std::shared_ptr<const v1::Resource>>;
  using Layers = std::map<std::string, std::shared_ptr<const PluginLayer>>;
  using ListenerHandle = observe::GroupHandle<observe::ListenerMetric>;
  struct ListenerEntry {
    std::shared_ptr<const ListenerSpec> spec;
    match::Table routes;
    std::shared_ptr<const exchange::GlobalChain> global;
    std::shared_ptr<ListenerHandle> metrics;
    std::shared_ptr<ConnectionCount> connections = std::make_shared<ConnectionCount>();
    bool is_changed = false;  // Since its spec was made.
  };
  // What a build has compiled so far; dropped if anything fails.
  struct Draft;

  void Sort(const Change& change, Draft& draft) const;
  void CompileLayers(Draft& draft) const;
  void CompileCertificates(Draft& draft) const;
  // Null if there is none.
  std::shared_ptr<const net::tls::Certificate> FindCertificate(const Draft& draft,
                                                               const std::string& name) const;
  void CompileUpstreams(const Change& change, Draft& draft);
  void CheckListeners(Draft& draft) const;
  void CheckListener(const v1::Resource& listener, Draft& draft) const;
  bool UsesChangedCertificate(const v1::Resource& listener, const Draft& draft) const;
  void CollectRoutes(Draft& draft) const;
  void CompileRoutes(Draft& draft);
  void CompileStreamRoutes(Draft& draft) const;
  ChainPair ChainsOf(const v1::Resource& route, Draft& draft);
  const v1::Resource* FindParsed(const Draft& draft, Kind kind, const std::string& name) const;
  const PluginLayer* FindLayer(const Draft& draft, Kind kind, const std::string& name) const;
  std::vector<const PluginLayer*> LayersOf(const Draft& draft, const v1::Resource& resource) const;

  void Commit(const Change& change, Draft& draft);
  void CommitClusters(const Change& change, Draft& draft);
  void CommitTickets(const Change& change, Draft& draft);
  void NoteUpstreamCertificates(const Change& change, Draft& draft);
  std::set<std::string> ChangedConsumers(const Draft& draft) const;
  void RemoveCredentials(const std::set<std::string>& names, plugins::ConsumerTable& table) const;
  void InsertConsumers(const std::set<std::string>& names, const Draft& draft,
                       plugins::ConsumerTable& table) const;
  void CommitStreamRoutes(Draft& draft);
  void LeaseClusters(exchange::CompiledRoute& route);
  void CommitListeners(Draft& draft);
  void UpdateRoutes(const std::string& name, ListenerEntry& entry,
                    const std::vector<std::string>& removed, const Draft& draft);
  void AddListener(const std::string& name);
  void UpdateSpec(const std::string& name, ListenerEntry& entry, Draft& draft);
  std::shared_ptr<const stream::Rules> StreamRulesOf(const std::string& listener) const;
  std::shared_ptr<const exchange::GlobalChain> GlobalChainOf(const std::string& listener);
  Result MakeResult(uint64_t generation);

  uint32_t TakePin();
  template <typename T>
  std::shared_ptr<const T> Pin(T object);
  void Retire(std::shared_ptr<const exchange::Pinned> object);
  bool IsServedBy(const v1::Resource& route, const std::string& listener) const;
  void NoteUses(const v1::Resource& route, const std::string& name);
  void ForgetUses(const std::string& bytes, const std::string& name);
  static std::string UseKey(Kind kind, const std::string& name);
  static std::vector<std::string> UsesOf(const v1::Resource& route);

  const PluginMaker maker_;
  observe::MetricRegistry& metrics_;
  observe::LogThread& log_;
  const std::vector<exchange::PinTable*> pins_;
  std::vector<uint32_t> free_pins_;
  uint32_t next_pin_ = 0;

  ClusterBook clusters_;
  std::map<Kind, Parsed> parsed_;  // Kind, name. All kinds but Route and Upstream.
  std::map<std::string, std::shared_ptr<const net::tls::Certificate>> certificates_;
  const std::unique_ptr<TicketBook> tickets_ = std::make_unique<TicketBook>();
  // Upstreams that name a certificate, with which they change.
  Parsed upstreams_with_certificate_;
  SystemTrust system_trust_{SystemTrust::PathFromEnvironment()};
  std::map<Kind, Layers> layers_;  // Kind, name: Service, PluginSet, GlobalRule, Consumer...
  absl::flat_hash_map<std::string, RouteEntry> routes_;
  // Who uses what: "Service/x" or "PluginSet/x" to names of routes.
  absl::flat_hash_map<std::string, absl::flat_hash_set<std::string>> users_;
  // Chains of routes without plugins of their own, by what they name: most routes of a large
  // configuration share a few.
  absl::flat_hash_map<std::string, ChainPair> shared_chains_;
  std::map<std::string, std::shared_ptr<const stream::CompiledStreamRoute>> stream_routes_;
  std::map<std::string, ListenerEntry> listeners_;
  std::shared_ptr<const plugins::ConsumerTable> consumers_;
  std::shared_ptr<const Snapshot> snapshot_;
  // Out of the configuration, but perhaps in use by an exchange.
  std::vector<std::shared_ptr<const exchange::Pinned>> retired_;
};

}  // namespace sluice::runtime
