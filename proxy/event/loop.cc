#include "proxy/event/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::event {
namespace {

// Beyond this many waiting sockets the first of them would wait noticeably: flush between events.
constexpr size_t kFlushEarly = 32;

// A descriptor's place in epoll's data, with the generation that tells a stale event from one of
// the connection that has the number now.
uint64_t Pack(int fd, uint32_t generation) {
  return (uint64_t{generation} << 32) | static_cast<uint32_t>(fd);
}

uint64_t ThisThread() {
  thread_local char mark;
  return reinterpret_cast<uint64_t>(&mark);
}

}  // namespace

void Task::Unschedule() {
  if (list_ != nullptr) list_->Remove(*this);
}

void TaskList::Append(Task& task) {
  task.list_ = this;
  task.prev_ = tail_;
  task.next_ = nullptr;
  (tail_ == nullptr ? head_ : tail_->next_) = &task;
  tail_ = &task;
  ++size_;
}

void TaskList::Remove(Task& task) {
  (task.prev_ == nullptr ? head_ : task.prev_->next_) = task.next_;
  (task.next_ == nullptr ? tail_ : task.next_->prev_) = task.prev_;
  task.list_ = nullptr;
  task.prev_ = task.next_ = nullptr;
  --size_;
}

void TaskList::Take(TaskList& other) {
  while (Task* task = other.front()) {
    other.Remove(*task);
    Append(*task);
  }
}

Loop::Loop(const Clock& clock) : clock_(clock), now_ns_(clock.MonotonicNanos()), timers_(now_ns_) {}

Loop::~Loop() {
  DeleteDeferred();
  if (wake_fd_ >= 0) close(wake_fd_);
  if (epoll_fd_ >= 0) close(epoll_fd_);
}

absl::Status Loop::Init() {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (epoll_fd_ < 0 || wake_fd_ < 0) {
    return absl::ResourceExhaustedError(absl::StrCat("event loop: ", std::strerror(errno)));
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = UINT64_MAX}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("event loop: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status Loop::Add(int fd, Handler& handler, uint32_t events) {
  if (slots_.size() <= static_cast<size_t>(fd)) slots_.resize(std::max(fd + 1, 64) * 2);
  Slot& slot = slots_[fd];
  slot.handler = &handler;
  ++slot.generation;
  epoll_event event{.events = events, .data = {.u64 = Pack(fd, slot.generation)}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    slot.handler = nullptr;
    return absl::ResourceExhaustedError(absl::StrCat("epoll_ctl: ", std::strerror(errno)));
  }
  CountWatched(1);
  return absl::OkStatus();
}

void Loop::Modify(int fd, uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = Pack(fd, slots_[fd].generation)}};
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
}

void Loop::Remove(int fd, bool keeps_open) {
  if (std::exchange(slots_[fd].handler, nullptr) != nullptr) CountWatched(size_t(-1));
  if (keeps_open) epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::Schedule(Task& task, Phase phase) {
  if (task.is_scheduled()) return;
  switch (phase) {
    case Phase::kReady:
      return ready_.Append(task);
    case Phase::kFlushUpstream:
      return flush_upstream_.Append(task);
    case Phase::kFlushClient:
      return flush_client_.Append(task);
  }
}

absl::Time Loop::now() const { return clock_.Now(); }

void Loop::PostFromAnyThread(absl::AnyInvocable<void()> work) {
  bool must_wake;
  {
    MutexLock lock(posted_mu_);
    must_wake = posted_.empty();
    posted_.push_back(std::move(work));
    has_posted_.store(true, std::memory_order_release);
  }
  if (!must_wake) return;
  const uint64_t one = 1;
  // The counter cannot overflow; any other failure is a closed loop, where nobody listens.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void Loop::StopFromAnyThread() {
  // In the order of posting: what was posted before is run.
  PostFromAnyThread([this] { stopped_ = true; });
}

void Loop::Run() {
  thread_id_.store(ThisThread(), std::memory_order_relaxed);
  while (!stopped_) Turn(INT64_MAX);
}

void Loop::RunOnce(absl::Duration max_wait) {
  thread_id_.store(ThisThread(), std::memory_order_relaxed);
  Turn(absl::ToInt64Nanoseconds(max_wait));
}

bool Loop::IsInLoop() const {
  const uint64_t id = thread_id_.load(std::memory_order_relaxed);
  return id == 0 || id == ThisThread();
}

void Loop::UpdateTime() { now_ns_ = clock_.MonotonicNanos(); }

int Loop::WaitMillis(int64_t max_wait_ns) {
  if (ready_.front() != nullptr) return 0;
  // The turn's time is old by what the turn took: too short a wait would only add a turn.
  const int64_t to_timer = timers_.NanosToNext(now_ns_);
  const int64_t wait = to_timer < 0 ? max_wait_ns : std::min(to_timer, max_wait_ns);
  if (wait == INT64_MAX) return -1;
  return static_cast<int>(std::min<int64_t>((wait + 999'999) / 1'000'000, 3'600'000));
}

void Loop::Turn(int64_t max_wait_ns) {
  const int n = epoll_wait(epoll_fd_, events_.data(), events_.size(), WaitMillis(max_wait_ns));
  UpdateTime();
  for (int i = 0; i < n; ++i) {
    const uint64_t data = events_[i].data.u64;
    if (data == UINT64_MAX) {
      uint64_t count;
      [[maybe_unused]] const ssize_t got = read(wake_fd_, &count, sizeof(count));
      continue;
    }
    const Slot& slot = slots_[static_cast<uint32_t>(data)];
    if (slot.handler == nullptr || slot.generation != data >> 32) continue;
    slot.handler->OnEvents(events_[i].events);
    if (flush_upstream_.size() + flush_client_.size() > kFlushEarly) Flush();
  }
  if (has_posted_.load(std::memory_order_acquire)) RunPosted();
  timers_.Advance(now_ns_);
  RunReady();
  Flush();
  DeleteDeferred();
}

void Loop::RunPosted() {
  std::vector<absl::AnyInvocable<void()>> work;
  {
    MutexLock lock(posted_mu_);
    work.swap(posted_);
    has_posted_.store(false, std::memory_order_relaxed);
  }
  for (absl::AnyInvocable<void()>& item : work) item();
}

void Loop::RunReady() {
  TaskList due;
  due.Take(ready_);
  while (Task* task = due.front()) {
    due.Remove(*task);
    task->Run();
  }
}

void Loop::Flush() {
  // A flush may schedule further ones (a full queue that drained lets data through); they belong to
  // this turn. What goes round without end is bounded by the fairness caps of who schedules.
  while (flush_upstream_.front() != nullptr || flush_client_.front() != nullptr) {
    TaskList& list = flush_upstream_.front() != nullptr ? flush_upstream_ : flush_client_;
    Task* task = list.front();
    list.Remove(*task);
    task->Run();
  }
}

void Loop::DeleteDeferred() {
  // A destructor may defer more.
  while (!deferred_.empty()) {
    deferred_batch_.swap(deferred_);
    for (const Deferred& item : deferred_batch_) item.destroy(item.object);
    deferred_batch_.clear();
  }
}

}  // namespace sluice::event
