// The proxy's side of ConfigStream as a program has it: a control thread, a build thread, a state
// directory, and an applier that remembers.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "proxy/sync/sync_client.h"

namespace sluice {

class ProxySide final : private sync::Applier, private sync::ProxyHooks {
 public:
  // Runs on `directory` against these control planes until it is destroyed.
  ProxySide(const std::string& directory, std::vector<std::string> control_planes);
  ~ProxySide();

  // Content by name of what is served.
  std::map<std::string, std::string> served() const;
  size_t served_count() const;
  uint64_t applied_number() const;  // Of the generation; 0: none yet.

  // The longest turn of the control thread so far, by the processor's time.
  absl::Duration longest_turn() const { return absl::Nanoseconds(longest_turn_ns_.load()); }

  // What the next changes are answered with.
  void RejectEverything(bool rejects) { rejects_ = rejects; }

 private:
  void Apply(const sync::ViewChange& change, absl::AnyInvocable<void(Result)> done) override;
  void Resolve(const std::string& host, OnResolved on_resolved) override;
  sync::Figures CollectFigures() override;
  void GetPage(const std::string& path, absl::AnyInvocable<void(Page)> done) override;
  void RunControl();

  SystemClock clock_;
  event::Loop control_loop_{clock_};
  event::Loop build_loop_{clock_};
  net::BlockPool pool_{1 << 26};
  net::IoContext io_{control_loop_, pool_};
  std::unique_ptr<sync::StateDirectory> state_;
  std::unique_ptr<sync::Keeper> keeper_;
  std::unique_ptr<sync::SyncClient> client_;
  std::atomic<int64_t> longest_turn_ns_{0};
  std::atomic<bool> stops_{false};
  std::atomic<bool> rejects_{false};

  mutable Mutex mu_;
  std::map<std::string, std::string> served_ ABSL_GUARDED_BY(mu_);
  uint64_t applied_number_ ABSL_GUARDED_BY(mu_) = 0;

  std::thread build_thread_;
  std::thread control_thread_;
};

}  // namespace sluice
