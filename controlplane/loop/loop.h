// A thread of the control plane that runs what is posted to it.
//
//   Loop loop(clock);
//   loop.Post([&fleet] { fleet.Refresh(); });
//
// What belongs to a loop needs no lock: everybody else posts. Tasks are short and never wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace sluice::loop {

class Timer;

// Thread: any for Post(), PostAndWait() and Stop(); what a comment gives to the loop's thread,
// there. Lifetime: `clock` outlives the loop. Timers die before it, or after Stop().
class Loop {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  explicit Loop(const Clock& clock);
  // Stops.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs `task` later on the loop's thread: tasks in the order of their posting, after each turn
  // the timers that are due. After Stop() it is destroyed without having run.
  void Post(Task task);

  // Returns when `task` has run. Not from the loop's own thread; not after Stop().
  void PostAndWait(Task task);

  // Runs what was posted before and ends the thread. Timers no longer fire.
  void Stop();

  bool IsInLoop() const { return std::this_thread::get_id() == thread_.get_id(); }

  // Tasks that wait: how far behind the thread is.
  size_t backlog() const;

  const Clock& clock() const { return clock_; }

 private:
  friend class Timer;

  void Run();
  // Waits for tasks or a due timer and takes all tasks. False: stopped and nothing is left.
  bool Take(std::deque<Task>* tasks);
  void FireDueTimers();

  // Set at construction.
  const Clock& clock_;

  // Loop thread only: (when in nanoseconds of the monotonic clock, whose).
  std::set<std::pair<int64_t, Timer*>> timers_;

  mutable Mutex mu_;
  CondVar wake_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // Last: it runs as soon as it is made.
};

// Calls back once, some time after it was armed.
//
// Thread: the loop's, for every method; the destructor of one that is not armed, any.
class Timer {
 public:
  Timer(Loop& loop, absl::AnyInvocable<void()> on_due) : loop_(loop), on_due_(std::move(on_due)) {}
  ~Timer() { Disarm(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces what was armed before.
  void Arm(absl::Duration delay);
  void Disarm();
  bool is_armed() const { return armed_; }

 private:
  friend class Loop;

  Loop& loop_;
  absl::AnyInvocable<void()> on_due_;
  bool armed_ = false;
  int64_t due_ns_ = 0;
};

}  // namespace sluice::loop
