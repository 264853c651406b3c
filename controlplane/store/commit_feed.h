// Tells subscribers of commits, in order, on a thread of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "base/mutex.h"
#include "controlplane/store/state.h"

namespace sluice::store {

// A subscriber gets its start event and then every event that was published after it subscribed,
// without gaps. Events wait in memory for as long as a callback runs.
//
// Thread: any. Callbacks run on the feed's thread, with no lock held.
// Lifetime: the feed outlives its subscriptions.
class CommitFeed {
 public:
  using OnCommit = std::function<void(const std::shared_ptr<const CommitEvent>&)>;

  // Destroying it ends the subscription: the callback does not run after that, and is waited for if
  // it is running (but for a callback that destroys its own subscription).
  class Subscription {
   public:
    Subscription(CommitFeed& feed, uint64_t id) : feed_(feed), id_(id) {}
    ~Subscription() { feed_.Remove(id_); }
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    CommitFeed& feed_;
    const uint64_t id_;
  };

  CommitFeed();
  ~CommitFeed();
  CommitFeed(const CommitFeed&) = delete;
  CommitFeed& operator=(const CommitFeed&) = delete;

  [[nodiscard]] std::unique_ptr<Subscription> Add(OnCommit on_commit,
                                                  std::shared_ptr<const CommitEvent> start);
  void Publish(std::shared_ptr<const CommitEvent> event);

 private:
  struct Subscriber {
    OnCommit on_commit;
    bool is_started = false;
    bool is_removed = false;  // By its own callback, which is still running.
  };
  struct Item {
    uint64_t only = 0;  // The subscriber that it is for; 0: all that have started.
    std::shared_ptr<const CommitEvent> event;
  };

  void Run();
  void Deliver(const Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives the mutex up while the callback runs.
  void Call(uint64_t id, const std::shared_ptr<const CommitEvent>& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Remove(uint64_t id);

  Mutex mu_;
  CondVar changed_;
  std::deque<Item> queue_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, Subscriber> subscribers_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t running_ ABSL_GUARDED_BY(mu_) = 0;  // Whose callback runs; 0: nobody's.
  bool is_stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace sluice::store
