// One thread's event loop: readiness of sockets, timers, work posted by other threads.
//
// A turn: wait; hand readiness to the sockets' handlers; posted work; timers; ready tasks; then
// the flush phases, so that everything that a turn writes to one socket leaves in one system call
// and upstream-bound data leaves first; at last, deferred deletion.
//
//   Loop loop(clock);
//   RETURN_IF_ERROR(loop.Init());
//   loop.Add(fd, handler);      // handler.OnEvents(EPOLLIN | ...) from now on
//   loop.Run();                 // until Stop()
//
// Thread: the one that calls Run(), for everything but PostFromAnyThread() and StopFromAnyThread().
// Lifetime: outlives its handlers, tasks and timers.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "proxy/event/timer.h"

namespace sluice::event {

// Receives the readiness of one file descriptor.
class Handler {
 public:
  // `events` are epoll's. With edge triggering each change is told once: the handler remembers it.
  virtual void OnEvents(uint32_t events) = 0;

 protected:
  ~Handler() = default;
};

// When a task runs within the turn.
enum class Phase {
  kReady,          // In the next turn, which does not wait then. For work cut short to be fair.
  kFlushUpstream,  // At the end of this turn: data for servers.
  kFlushClient,    // After it: data for clients.
};

// Work that an object schedules for itself: a node of an intrusive list, so scheduling allocates
// nothing and destroying the task takes it off.
class Task {
 public:
  virtual void Run() = 0;

 protected:
  Task() = default;
  ~Task() { Unschedule(); }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  void Unschedule();

 public:
  bool is_scheduled() const { return list_ != nullptr; }

 private:
  friend class Loop;
  friend class TaskList;
  class TaskList* list_ = nullptr;
  Task* prev_ = nullptr;
  Task* next_ = nullptr;
};

// First in, first out.
class TaskList {
 public:
  void Append(Task& task);
  void Remove(Task& task);
  Task* front() const { return head_; }
  size_t size() const { return size_; }
  // Moves all of `other` behind what is here.
  void Take(TaskList& other);

 private:
  Task* head_ = nullptr;
  Task* tail_ = nullptr;
  size_t size_ = 0;
};

class Loop {
 public:
  static constexpr uint32_t kStream = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

  explicit Loop(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Makes the kernel objects. RESOURCE_EXHAUSTED without file descriptors.
  absl::Status Init();

  // Registers `fd` once. RESOURCE_EXHAUSTED if the kernel refuses.
  absl::Status Add(int fd, Handler& handler, uint32_t events = kStream);
  // Changes what is told of `fd`.
  void Modify(int fd, uint32_t events);
  // Nothing more is told of `fd`, events already fetched included. Call before closing it; with
  // `keeps_open` the descriptor lives on and is taken out of the kernel's set too.
  void Remove(int fd, bool keeps_open = false);

  // Runs `task` once in that phase; no effect if it is scheduled.
  void Schedule(Task& task, Phase phase);

  TimerWheel& timers() { return timers_; }

  // The turn's time: one clock read a turn. Monotonic nanoseconds.
  int64_t now_ns() const { return now_ns_; }
  absl::Time now() const;

  // Deletes at the end of the turn: for objects that are on the stack of the caller.
  template <typename T>
  void DeleteLater(std::unique_ptr<T> object) {
    deferred_.push_back({object.release(), [](void* p) { delete static_cast<T*>(p); }});
  }

  // Runs `work` in a turn of this loop, in the order of posting. Work posted after Stop() is
  // destroyed unrun.
  void PostFromAnyThread(absl::AnyInvocable<void()> work);

  // Runs turns until stopped.
  void Run();
  void StopFromAnyThread();

  // One turn that waits at most `max_wait`: for tests and for draining by hand.
  void RunOnce(absl::Duration max_wait);

  bool IsInLoop() const;

  // Descriptors that are registered now; from any thread.
  size_t watched_count() const { return watched_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    Handler* handler = nullptr;
    uint32_t generation = 0;
  };
  struct Deferred {
    void* object;
    void (*destroy)(void*);
  };

  void Turn(int64_t max_wait_ns);
  int WaitMillis(int64_t max_wait_ns);
  void RunPosted();
  void RunReady();
  void Flush();
  void DeleteDeferred();
  void UpdateTime();
  // Only this thread writes it: no read-modify-write.
  void CountWatched(size_t difference) {
    watched_.store(watched_.load(std::memory_order_relaxed) + difference,
                   std::memory_order_relaxed);
  }

  const Clock& clock_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  std::vector<Slot> slots_;  // By file descriptor.
  std::array<epoll_event, 256> events_;
  int64_t now_ns_;
  TimerWheel timers_;
  TaskList ready_;
  TaskList flush_upstream_;
  TaskList flush_client_;
  std::vector<Deferred> deferred_;
  std::vector<Deferred> deferred_batch_;  // Being deleted; kept for its memory.
  bool stopped_ = false;
  std::atomic<uint64_t> thread_id_{0};
  std::atomic<size_t> watched_{0};

  std::atomic<bool> has_posted_{false};
  Mutex posted_mu_;
  std::vector<absl::AnyInvocable<void()>> posted_ ABSL_GUARDED_BY(posted_mu_);
};

}  // namespace sluice::event
