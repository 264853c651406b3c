#include "tools/bench/hairpin/loop.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace sluice::hairpin {

int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Loop::Loop() : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {}

Loop::~Loop() {
  doomed_.clear();
  close(epoll_fd_);
}

void Loop::Add(int fd, Source& source) {
  epoll_event event;
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &source;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
}

void Loop::Turn(int64_t until) {
  const int64_t wait = std::max<int64_t>(0, until - NowNanos());
  timespec timeout;
  timeout.tv_sec = wait / 1'000'000'000;
  timeout.tv_nsec = wait % 1'000'000'000;
  std::array<epoll_event, 256> events;
  // Milliseconds, as epoll_wait has them, would be too coarse for an open loop at 20,000 a second.
  const int count = epoll_pwait2(epoll_fd_, events.data(), events.size(), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    static_cast<Source*>(events[static_cast<size_t>(i)].data.ptr)
        ->OnEvents(events[static_cast<size_t>(i)].events);
  }
  doomed_.clear();
}

}  // namespace sluice::hairpin
