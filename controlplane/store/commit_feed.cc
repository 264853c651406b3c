#include "controlplane/store/commit_feed.h"

#include <utility>

namespace sluice::store {

CommitFeed::CommitFeed() : thread_([this] { Run(); }) {}

CommitFeed::~CommitFeed() {
  {
    MutexLock lock(mu_);
    is_stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

std::unique_ptr<CommitFeed::Subscription> CommitFeed::Add(
    OnCommit on_commit, std::shared_ptr<const CommitEvent> start) {
  MutexLock lock(mu_);
  const uint64_t id = ++last_id_;
  subscribers_[id].on_commit = std::move(on_commit);
  queue_.push_back({id, std::move(start)});
  changed_.SignalAll();
  return std::make_unique<Subscription>(*this, id);
}

void CommitFeed::Publish(std::shared_ptr<const CommitEvent> event) {
  MutexLock lock(mu_);
  queue_.push_back({0, std::move(event)});
  changed_.SignalAll();
}

void CommitFeed::Run() {
  MutexLock lock(mu_);
  while (true) {
    while (queue_.empty() && !is_stopping_) changed_.Wait(mu_);
    if (is_stopping_) return;
    const Item item = std::move(queue_.front());
    queue_.pop_front();
    Deliver(item);
  }
}

void CommitFeed::Deliver(const Item& item) {
  if (item.only != 0) {
    const auto it = subscribers_.find(item.only);
    if (it == subscribers_.end()) return;
    it->second.is_started = true;
    Call(item.only, item.event);
    return;
  }
  // By number, since subscribers come and go while a callback runs. One that came after the event
  // was published has not started: its start event is behind this one in the queue.
  for (auto it = subscribers_.begin(); it != subscribers_.end();) {
    const uint64_t id = it->first;
    if (it->second.is_started) Call(id, item.event);
    it = subscribers_.upper_bound(id);
  }
}

void CommitFeed::Call(uint64_t id, const std::shared_ptr<const CommitEvent>& event) {
  Subscriber& subscriber = subscribers_.at(id);
  running_ = id;
  mu_.Unlock();
  subscriber.on_commit(event);
  mu_.Lock();
  running_ = 0;
  changed_.SignalAll();
  if (!subscriber.is_removed) return;
  // Destroyed without the mutex: it may own something that takes it.
  auto removed = subscribers_.extract(id);
  mu_.Unlock();
  removed = {};
  mu_.Lock();
}

void CommitFeed::Remove(uint64_t id) {
  OnCommit dropped;  // Destroyed without the mutex, as above.
  MutexLock lock(mu_);
  if (running_ == id && std::this_thread::get_id() == thread_.get_id()) {
    subscribers_.at(id).is_removed = true;
    return;
  }
  while (running_ == id) changed_.Wait(mu_);
  const auto it = subscribers_.find(id);
  dropped = std::move(it->second.on_commit);
  subscribers_.erase(it);
}

}  // namespace sluice::store
