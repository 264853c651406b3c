// One worker thread: a loop, its listeners, its clusters and everything that serves requests.
//
// Thread: made and destroyed by the main thread; what ends in FromAnyThread() may be called by any;
// everything else happens on its own.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "proxy/exchange/worker.h"
#include "proxy/runtime/snapshot.h"
#include "proxy/server/memory_guard.h"
#include "proxy/server/worker_listener.h"

namespace sluice::server {

// Listening sockets of an address that was not served before.
struct NewSocket {
  net::Address address;
  ListeningSockets sockets;
};

class Worker final : private MemoryGuard::Owner {
 public:
  static constexpr size_t kDefaultBufferBytes = size_t{256} << 20;

  struct Options {
    std::string name = "worker";  // Of its thread.
    std::string node;
    std::string hostname;
    uint64_t seed = 0;
    size_t buffer_budget_bytes = kDefaultBufferBytes;
  };

  Worker(const Clock& clock, observe::MetricRegistry& metrics, observe::LogThread& log,
         Options options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  absl::Status Start();
  // Stops the thread and waits for it. What it holds goes with the destructor.
  void Join();

  // Serves `snapshot` from its next turn on: clusters first, then listeners, in one turn. `done`
  // runs on the worker when it no longer looks at the generation before, whose parts it has
  // dropped.
  void ApplyFromAnyThread(std::shared_ptr<const runtime::Snapshot> snapshot,
                          std::vector<runtime::ClusterStep> steps, std::vector<NewSocket> sockets,
                          absl::AnyInvocable<void()> done);

  // Closes listeners and connections as they become idle; `idle` runs on the worker, once, when
  // there is none left.
  void DrainFromAnyThread(IdleDrain drain, absl::AnyInvocable<void()> idle);
  // Closes connections that idle and were kept by DrainFromAnyThread().
  void CloseIdleFromAnyThread();
  // What is done for want of memory or descriptors, from now on.
  void SetOverloadFromAnyThread(const OverloadActions& actions);
  // How much more than now it may lend to bodies under way before `on_growth` is called on its
  // thread, and until the next call. Set it before Start().
  void AllowBuffersFromAnyThread(size_t bytes) { pool_.AllowFromAnyThread(bytes); }
  void TellGrowth(std::function<void()> on_growth) {
    memory_guard_.TellGrowth(std::move(on_growth));
  }
  // Descriptors that it has open, but for a few.
  size_t watched_count() const { return loop_.watched_count(); }
  // `done` gets, on the worker, other descriptors of all its listening sockets.
  void DuplicateSocketsFromAnyThread(absl::AnyInvocable<void(std::vector<NewSocket>)> done);
  // Ends what is left; `done` gets how many exchanges were cut.
  void CutFromAnyThread(absl::AnyInvocable<void(size_t)> done);

  // Runs `work` on the worker.
  void PostFromAnyThread(absl::AnyInvocable<void()> work) {
    loop_.PostFromAnyThread(std::move(work));
  }

  exchange::PinTable& pins() { return exchange_.pins; }
  // On the worker's thread only.
  exchange::Worker& exchange_worker() { return exchange_; }

 private:
  void Apply(std::shared_ptr<const runtime::Snapshot> snapshot,
             std::vector<runtime::ClusterStep>& steps, std::vector<NewSocket>& sockets);
  void ApplyCluster(runtime::ClusterStep& step);
  using Listeners = absl::flat_hash_map<net::Address, std::unique_ptr<WorkerListener>>;
  void ApplyListeners(const runtime::Snapshot& snapshot, std::vector<NewSocket>& sockets);
  // A listener for an address where there was none: that of an address that covers this one, or is
  // covered by it, which is to go; else another. Null without a socket for it.
  std::unique_ptr<WorkerListener> Open(const std::shared_ptr<const runtime::ListenerSpec>& spec,
                                       std::vector<NewSocket>& sockets);
  void ListHolders(std::vector<MemoryGuard::Holder>& holders) override;
  void OnTick();
  // What is kept for later goes to the heap.
  void ReleaseMemory();
  void CountMemory();

  const std::string name_;
  event::Loop loop_;
  net::BlockPool pool_;
  net::IoContext io_;
  WorkerListener::CodecMemory codec_memory_;
  exchange::Worker exchange_;
  upstream::PoolContext pool_context_;
  upstream::Graveyard graveyard_;
  std::shared_ptr<const runtime::Snapshot> snapshot_;
  // By address: a listener that only changes its name keeps its socket.
  Listeners listeners_;
  std::vector<std::unique_ptr<WorkerListener>> retired_;  // Until their connections have ended.
  OverloadActions overload_;
  MemoryGuard memory_guard_;
  uint64_t counted_buffer_bytes_ = 0;  // As the gauge has it.
  uint64_t counted_sheds_ = 0;
  event::Timer tick_;
  absl::AnyInvocable<void()> on_idle_;
  std::thread thread_;
};

}  // namespace sluice::server
