// What the admin interface shows.
//
//   /ready             200 once a generation is served, and until draining
//   /live              200
//   /stats/prometheus  metrics
//   /config            what is served: generation, listeners, numbers of resources, faults
//   /clusters          upstreams, their endpoints with health, and connections
//   /overload          what there is of memory and descriptors, and what is done for want of them
//   /explain           which route would serve a request: ?method=GET&url=/orders&listener=public
//                      &client_ip=10.0.0.1&header=x-team:a
//
// Thread: the control thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/main/build_thread.h"
#include "proxy/net/dns/resolver.h"
#include "proxy/observe/log_thread.h"
#include "proxy/observe/metric_registry.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/server/admin/page.h"
#include "proxy/server/overload/overload_monitor.h"
#include "proxy/server/worker.h"
#include "proxy/upstream/health/monitor.h"

namespace sluice::main {

// What changes while the proxy runs, as the app knows it.
struct ProxyState {
  std::string node;
  std::vector<std::string> groups;
  std::string source;         // "file PATH" or "control plane HOST:PORT".
  bool is_connected = false;  // To the control plane.
  bool is_serving = false;    // A generation is active.
  bool is_draining = false;
  uint64_t generation = 0;
  std::string view_hash;  // Hexadecimal; empty for a file.
  uint64_t persisted_generation = 0;
  std::vector<std::string> faults;  // One line each.
};

class Pages final : public server::PageSource {
 public:
  // Where the numbers of the process come from.
  struct Sources {
    observe::MetricRegistry& metrics;
    const observe::LogThread& log;
    const net::dns::Resolver& resolver;
    const plugins::CounterTable& counters;
    const upstream::health::HealthMonitor& health;
    const server::OverloadMonitor* overload;  // Null: it is off.
  };

  Pages(const ProxyState& state, event::Loop& loop, Sources sources, BuildThread& build,
        std::vector<server::Worker*> workers);

  void GetPage(const std::string& target, absl::AnyInvocable<void(server::Page)> done) override;

 private:
  server::Page Ready() const;
  server::Page Metrics() const;
  server::Page Overload() const;
  void Config(absl::AnyInvocable<void(server::Page)> done);
  void Clusters(absl::AnyInvocable<void(server::Page)> done);
  void Explain(const std::string& query, absl::AnyInvocable<void(server::Page)> done);

  const ProxyState& state_;
  event::Loop& loop_;
  const Sources sources_;
  BuildThread& build_;
  const std::vector<server::Worker*> workers_;
};

}  // namespace sluice::main
