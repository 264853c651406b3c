// One epoll set for both sides of hairpin, so that between client and upstream there is no context
// switch: the proxy under test stays the bottleneck on a machine with two cores.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace sluice::hairpin {

// CLOCK_MONOTONIC.
int64_t NowNanos();

// Something with a file descriptor in the loop.
class Source {
 public:
  virtual ~Source() = default;
  // May be called with events of a descriptor that was closed earlier in the same turn: a read or
  // write then finds nothing to do.
  virtual void OnEvents(uint32_t events) = 0;
};

// Thread: the one that calls Turn().
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Registers `fd` for both directions, edge-triggered, until it is closed. `source` outlives that.
  void Add(int fd, Source& source);

  // Waits until something happens or `until` (of NowNanos) has come, and dispatches it.
  void Turn(int64_t until);

  // Deletes at the end of the turn, so that events that are still to be dispatched hit no dangling
  // pointer.
  void DeleteLater(std::unique_ptr<Source> source) { doomed_.push_back(std::move(source)); }

 private:
  const int epoll_fd_;
  std::vector<std::unique_ptr<Source>> doomed_;
};

}  // namespace sluice::hairpin
