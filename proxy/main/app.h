// The parts of a proxy process, put together.
//
// Thread: the main one, which is the control thread: it runs the loop of signals, admin pages, DNS,
// the stream to the control plane and everything that is not a request.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/event/loop.h"
#include "proxy/main/actions.h"
#include "proxy/main/build_thread.h"
#include "proxy/main/control_plane_tls.h"
#include "proxy/main/figures.h"
#include "proxy/main/file_source.h"
#include "proxy/main/handover.h"
#include "proxy/main/options.h"
#include "proxy/main/pages.h"
#include "proxy/main/succession.h"
#include "proxy/main/view_applier.h"
#include "proxy/net/dns/resolver.h"
#include "proxy/observe/log_thread.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/plugins/registry.h"
#include "proxy/server/admin/admin_server.h"
#include "proxy/server/overload/overload_monitor.h"
#include "proxy/server/worker.h"
#include "proxy/sync/keeper.h"
#include "proxy/sync/sync_client.h"
#include "proxy/upstream/health/monitor.h"

namespace sluice::main {

class App final : private event::Handler, private sync::ProxyHooks {
 public:
  // What the process is started with.
  struct Start {
    net::Fd signals;  // A signalfd of SIGTERM, SIGINT and SIGHUP.
    std::vector<server::GivenSocket> sockets;
    std::function<void()> on_ready;  // It serves, or waits for a control plane to say what.
  };
  App(const Clock& clock, const Options& options, Start start);
  ~App();

  // Starts everything. An error is one of the environment, for the operator.
  absl::Status Begin();
  // Serves until a signal ends it; the exit status.
  int Run();

 private:
  // Connected to a control plane: what that takes.
  struct Sync {
    std::unique_ptr<ViewApplier> applier;
    std::unique_ptr<ControlPlaneTls> tls;  // Null: cleartext.
    std::unique_ptr<sync::Keeper> keeper;
    std::unique_ptr<sync::SyncClient> client;
  };

  void OnEvents(uint32_t events) override;  // Of the signals.
  void OnTerminate();
  // False: it had begun before.
  bool Drain(server::IdleDrain idle = server::IdleDrain::kClose);
  void OnWorkerIdle();
  void OnDrainTimeout();
  void OnIdleTimeout();
  void OnTick();
  // A generation was applied, or not, or local faults changed.
  void OnApplied(const Applied& applied);
  // The upstreams name these hosts now.
  void WatchNames(const std::set<std::string>& names);
  void MakeWorkers();
  size_t BufferBytesOfWorker() const;
  bool InjectPressure(double percent);
  // Takes the state directory, from the process that has it if that is asked for.
  absl::Status OpenStateDirectory();
  // What uses sockets of the state directory: actions, and handing over to a successor.
  absl::Status ListenInStateDirectory();
  absl::Status StartAdmin();
  absl::Status StartSuccession();
  // This process is the one that serves.
  void OnSucceeded();
  void OnNotSucceeded(absl::string_view why);
  void OnReady();
  absl::Status StartFile();
  absl::Status StartSync();

  // sync::ProxyHooks
  void Resolve(const std::string& host, OnResolved on_resolved) override;
  void OnBooted(bool has_view) override;
  sync::Figures CollectFigures() override;
  void GetPage(const std::string& path, absl::AnyInvocable<void(Page)> done) override;

  const Clock& clock_;
  const Options options_;
  Start start_;
  // Before the loop: what is posted and not run any more may hold endpoints, which have metrics.
  observe::MetricRegistry metrics_;
  event::Loop loop_;
  net::BlockPool pool_;
  net::IoContext io_;
  observe::LogThread log_;
  plugins::CounterTable counters_;
  plugins::Registry registry_;
  net::dns::Resolver resolver_;
  upstream::health::HealthMonitor health_;
  FigureCollector figures_;
  ProxyState state_;
  // The workers stop before the build thread, which frees what they use.
  std::unique_ptr<BuildThread> build_;
  std::vector<std::unique_ptr<server::Worker>> workers_;
  const server::MemoryLimit memory_limit_;
  std::unique_ptr<server::OverloadMonitor> overload_;  // Null: it is off.
  std::unique_ptr<Pages> pages_;
  std::unique_ptr<server::AdminServer> admin_;
  std::unique_ptr<sync::StateDirectory> directory_;  // Null: none was given.
  Actions actions_;
  std::unique_ptr<server::AdminServer> control_;
  std::unique_ptr<Succession> succession_;  // While it is under way.
  std::unique_ptr<Handover> handover_;      // Null: nobody can take over.
  std::unique_ptr<FileSource> file_;
  Sync sync_;
  std::map<std::string, std::unique_ptr<net::dns::Resolver::Watch>> watches_;  // By host.
  std::set<std::string> unresolved_;  // Hosts of those that have had no answer yet.
  // Of control planes that are being looked up.
  std::map<std::string, std::unique_ptr<net::dns::Resolver::Watch>> lookups_;
  event::Timer drain_timer_;
  event::Timer idle_timer_;
  event::Timer tick_;
  size_t busy_workers_ = 0;
  int exit_status_ = 0;
};

}  // namespace sluice::main
