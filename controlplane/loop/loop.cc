#include "controlplane/loop/loop.h"

#include <algorithm>

namespace sluice::loop {

Loop::Loop(const Clock& clock) : clock_(clock), thread_([this] { Run(); }) {}

Loop::~Loop() { Stop(); }

void Loop::Post(Task task) {
  MutexLock lock(mu_);
  if (stopped_) return;
  tasks_.push_back(std::move(task));
  wake_.Signal();
}

void Loop::PostAndWait(Task task) {
  Mutex mu;
  CondVar done;
  bool is_done = false;
  Post([&task, &mu, &done, &is_done] {
    std::move(task)();
    // Signalled under the lock: the waiter owns all three and goes as soon as it can take it.
    MutexLock lock(mu);
    is_done = true;
    done.Signal();
  });
  MutexLock lock(mu);
  while (!is_done) done.Wait(mu);
}

void Loop::Stop() {
  {
    MutexLock lock(mu_);
    stopped_ = true;
    wake_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

size_t Loop::backlog() const {
  MutexLock lock(mu_);
  return tasks_.size();
}

void Loop::Run() {
  std::deque<Task> tasks;
  while (Take(&tasks)) {
    while (!tasks.empty()) {
      std::move(tasks.front())();
      tasks.pop_front();
    }
    FireDueTimers();
  }
}

bool Loop::Take(std::deque<Task>* tasks) {
  // A timer can only be added by this thread, so that the first one stands while we wait.
  const int64_t due = timers_.empty() ? INT64_MAX : timers_.begin()->first;
  MutexLock lock(mu_);
  while (tasks_.empty() && !stopped_) {
    if (due == INT64_MAX) {
      wake_.Wait(mu_);
      continue;
    }
    const int64_t left = due - clock_.MonotonicNanos();
    if (left <= 0) return true;
    wake_.WaitFor(mu_, absl::Nanoseconds(left));
  }
  tasks->swap(tasks_);
  return !tasks->empty() || !stopped_;
}

void Loop::FireDueTimers() {
  // Only those that are due now: one that arms itself anew does not keep tasks waiting.
  const int64_t now = clock_.MonotonicNanos();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Timer* timer = timers_.begin()->second;
    timer->Disarm();
    timer->on_due_();
  }
}

void Timer::Arm(absl::Duration delay) {
  Disarm();
  const int64_t wait_ns = std::max<int64_t>(absl::ToInt64Nanoseconds(delay), 1);
  due_ns_ = loop_.clock_.MonotonicNanos() + wait_ns;
  loop_.timers_.emplace(due_ns_, this);
  armed_ = true;
}

void Timer::Disarm() {
  if (!armed_) return;
  loop_.timers_.erase({due_ns_, this});
  armed_ = false;
}

}  // namespace sluice::loop
