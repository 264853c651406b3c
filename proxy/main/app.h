// The parts of a proxy process, put together.
//
// Thread: the main one, which is the control thread: it runs the loop of signals, admin pages, the
// stream to the control plane and everything that is not a request.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/event/loop.h"
#include "proxy/main/build_thread.h"
#include "proxy/main/file_source.h"
#include "proxy/main/options.h"
#include "proxy/net/dns/resolver.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/plugins/registry.h"
#include "proxy/server/worker.h"

namespace sluice::main {

class App final : private event::Handler {
 public:
  // `signals`: a signalfd of SIGTERM, SIGINT and SIGHUP.
  App(const Clock& clock, const Options& options, net::Fd signals);
  ~App();

  // Starts everything. An error is one of the environment, for the operator.
  absl::Status Start();
  // Serves until a signal ends it; the exit status.
  int Run();

 private:
  void OnEvents(uint32_t events) override;  // Of the signals.
  void OnTerminate();
  void OnWorkerIdle();
  void OnDrainTimeout();
  void OnApplied(const Applied& applied, uint64_t generation);
  // The upstreams name these hosts now.
  void WatchNames(const std::set<std::string>& names);
  absl::Status StartWorkers();
  absl::Status StartSource();

  const Clock& clock_;
  const Options options_;
  net::Fd signals_;
  event::Loop loop_;
  observe::MetricRegistry metrics_;
  plugins::CounterTable counters_;
  plugins::Registry registry_;
  std::vector<std::unique_ptr<server::Worker>> workers_;
  std::unique_ptr<BuildThread> build_;
  std::unique_ptr<FileSource> file_;
  net::dns::Resolver resolver_;
  std::map<std::string, std::unique_ptr<net::dns::Resolver::Watch>> watches_;  // By host.
  event::Timer drain_timer_;
  size_t busy_workers_ = 0;
  bool is_draining_ = false;
  int exit_status_ = 0;
};

}  // namespace sluice::main
