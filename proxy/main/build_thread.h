// The thread that turns configuration into what workers serve: decodes, compiles, publishes and
// destroys, at low priority, so that a large change takes no time from requests.
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
  bool ok = false;  // Served by every worker, but for what `problems` say.
  std::vector<resource::Problem> problems;
};

class BuildThread {
 public:
  // `on_faults`: local faults changed without a change of configuration; on this thread.
  // `on_names`: host names whose addresses are wanted now; on this thread.
  struct Hooks {
    std::function<void(const Applied&)> on_faults;
    std::function<void(const std::set<std::string>&)> on_names;
  };

  BuildThread(const Clock& clock, runtime::PluginMaker maker, observe::MetricRegistry& metrics,
              std::vector<server::Worker*> workers, Hooks hooks);
  // Stops and joins. The workers have stopped before.
  ~BuildThread();

  absl::Status Start();

  // On the build thread. `done` runs there when the change is served or refused.
  void Apply(const runtime::Change& change, std::function<void(const Applied&)> done);
  void Resolve(const std::string& host, std::vector<net::IpAddress> addresses);
  std::shared_ptr<const server::Snapshot> snapshot() const { return builder_.snapshot(); }

  void PostFromAnyThread(absl::AnyInvocable<void()> work) {
    loop_.PostFromAnyThread(std::move(work));
  }

 private:
  void Publish(runtime::Builder::Result result, std::function<void(const Applied&)> done);
  void ReapLater();
  void OnReapTimer();

  event::Loop loop_;
  runtime::Builder builder_;
  server::Publisher publisher_;
  const Hooks hooks_;
  std::set<std::string> names_;
  event::Timer reap_timer_;
  std::thread thread_;
};

}  // namespace sluice::main
