// The thread that turns configuration into what workers serve: decodes, compiles, publishes and
// destroys, at low priority, so that a large change takes no time from requests. Until a generation
// is served there are none: a proxy that starts on a busy machine builds at normal priority.
//
// Thread: Start() and the destructor on the main thread; what ends in FromAnyThread() on any; the
// rest on its own loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "proxy/event/loop.h"
#include "proxy/runtime/builder.h"
#include "proxy/server/publisher.h"

namespace sluice::main {

// What became of a change.
struct Applied {
  uint64_t generation = 0;
  bool ok = false;  // Served by every worker, but for what `problems` say.
  std::vector<resource::Problem> problems;
  absl::Duration took;  // From the start of the build to the last worker.
};

class BuildThread {
 public:
  // All run on this thread.
  struct Hooks {
    // Every result of Apply(), besides its `done`.
    std::function<void(const Applied&)> on_applied;
    // Local faults changed without a change of configuration.
    std::function<void(const Applied&)> on_faults;
    // Host names whose addresses are wanted now.
    std::function<void(const std::set<std::string>&)> on_names;
    // Clusters that the workers are given now.
    std::function<void(const std::vector<runtime::ClusterStep>&)> on_clusters;
  };

  // `zone`: the proxy's; empty if it has none.
  BuildThread(const Clock& clock, runtime::PluginMaker maker, observe::MetricRegistry& metrics,
              observe::LogThread& log, std::vector<server::Worker*> workers, std::string zone,
              Hooks hooks);
  ~BuildThread();

  // Makes the loop ready for those who are to run on it; Start() does, too.
  absl::Status Init();
  absl::Status Start();
  // Stops the thread and waits for it. The workers have stopped before.
  void Join();

  // On the build thread. `done` runs there when the change is served or refused.
  void Apply(const runtime::Change& change, std::function<void(const Applied&)> done);
  void Resolve(const std::string& host, std::vector<net::IpAddress> addresses);
  std::shared_ptr<const runtime::Snapshot> snapshot() const { return builder_.snapshot(); }

  // Before Start(), or on the build thread.
  server::Publisher& publisher() { return publisher_; }
  runtime::TicketBook& tickets() { return builder_.tickets(); }
  // Makes listeners accept that were held from the start. `done` runs on the build thread.
  void Open(std::function<void(const Applied&)> done);

  size_t route_count() const { return builder_.route_count(); }

  // For what else runs here.
  event::Loop& loop() { return loop_; }
  void PostFromAnyThread(absl::AnyInvocable<void()> work) {
    loop_.PostFromAnyThread(std::move(work));
  }

 private:
  void Publish(runtime::Builder::Result result, std::function<void(const Applied&)> done);
  void YieldToRequests();
  void ReapLater();
  void OnReapTimer();
  // A new key seals session tickets.
  void OnTicketTimer();

  Applied FromFaults(const std::vector<server::BindFault>& faults) const;

  const Clock& clock_;
  event::Loop loop_;
  bool is_ready_ = false;
  bool yields_ = false;  // Has the low priority.
  runtime::Builder builder_;
  server::Publisher publisher_;
  const Hooks hooks_;
  std::set<std::string> names_;
  event::Timer reap_timer_;
  event::Timer ticket_timer_;
  std::thread thread_;
};

}  // namespace sluice::main
