// Commits and fleet events as they happen, for whoever watches.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "controlplane/store/ledger.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::admin {

// A line of the history as it travels.
v1::Commit ToProto(const store::CommitRecord& record);

// Thread: any.
// Lifetime: `ledger` and `clock` outlive it, it outlives its watches.
class WatchHub {
 public:
  WatchHub(store::Ledger& ledger, const Clock& clock) : ledger_(ledger), clock_(clock) {}

  // One who watches. Destroying it waits for its callback if that is running.
  //
  // Thread: any one at a time.
  class Watch {
   public:
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // Takes the next event; false if there is none now. OK but RESOURCE_EXHAUSTED once events have
    // been dropped because nobody took them: whoever watches begins anew after the last commit.
    absl::StatusOr<bool> Next(v1::Event& event);

   private:
    friend class WatchHub;
    Watch(WatchHub& hub, std::function<void()> on_event)
        : hub_(hub), on_event_(std::move(on_event)) {}

    void Push(v1::Event event);
    void OnCommit(const store::CommitEvent& commit);
    // Ends the replay: what waits goes behind it, without what was in it.
    void Replay(const std::vector<store::CommitRecord>& records);

    WatchHub& hub_;
    const std::function<void()> on_event_;

    Mutex mu_;
    std::deque<v1::Event> events_ ABSL_GUARDED_BY(mu_);
    bool is_replaying_ ABSL_GUARDED_BY(mu_) = true;
    bool has_overflowed_ ABSL_GUARDED_BY(mu_) = false;

    std::unique_ptr<store::Ledger::Subscription> subscription_;
  };

  // `on_event` runs whenever an event has come, on some thread; never within Open(), after which
  // there may be events already. It neither waits nor opens or destroys a watch.
  // Errors: as Ledger::History, if `request` asks for earlier commits.
  absl::StatusOr<std::unique_ptr<Watch>> Open(const v1::WatchRequest& request,
                                              std::function<void()> on_event);

  void OnProxyEvent(const v1::ProxyEvent& event);

 private:
  store::Ledger& ledger_;
  const Clock& clock_;

  Mutex mu_;
  std::set<Watch*> watches_ ABSL_GUARDED_BY(mu_);
};

}  // namespace sluice::admin
