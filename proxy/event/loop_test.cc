#include "proxy/event/loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace sluice::event {
namespace {

class LoopTest : public ::testing::Test {
 protected:
  LoopTest() { EXPECT_TRUE(loop_.Init().ok()); }

  SystemClock clock_;
  Loop loop_{clock_};
};

struct Recorder : Handler {
  void OnEvents(uint32_t events) override { on_events(events); }
  std::function<void(uint32_t)> on_events = [](uint32_t) {};
};

struct Step : Task {
  Step(std::string name, std::string& log) : name(std::move(name)), log(log) {}
  void Run() override { log += name; }
  std::string name;
  std::string& log;
};

TEST_F(LoopTest, ASocketIsToldThatItIsReadable) {
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  Recorder recorder;
  uint32_t seen = 0;
  recorder.on_events = [&](uint32_t events) { seen |= events; };
  ASSERT_TRUE(loop_.Add(fds[0], recorder).ok());
  ASSERT_EQ(write(fds[1], "x", 1), 1);
  loop_.RunOnce(absl::Seconds(10));
  EXPECT_TRUE(seen & EPOLLIN);
  loop_.Remove(fds[0]);
  close(fds[0]);
  close(fds[1]);
}

TEST_F(LoopTest, AnEventOfAClosedDescriptorDoesNotReachItsSuccessor) {
  int a[2], b[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
  Recorder first, second, successor;
  int told = 0;
  successor.on_events = [&](uint32_t events) { told += (events & EPOLLIN) != 0; };
  int successor_peer = -1;
  // Whichever is told first closes the other and puts a new, silent socket at its number.
  auto replace = [&](int victim) {
    if (successor_peer >= 0) return;
    loop_.Remove(victim);
    int c[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, c), 0);
    EXPECT_EQ(dup2(c[0], victim), victim);
    close(c[0]);
    successor_peer = c[1];
    EXPECT_TRUE(loop_.Add(victim, successor).ok());
  };
  first.on_events = [&](uint32_t) { replace(b[0]); };
  second.on_events = [&](uint32_t) { replace(a[0]); };
  ASSERT_TRUE(loop_.Add(a[0], first, EPOLLIN).ok());
  ASSERT_TRUE(loop_.Add(b[0], second, EPOLLIN).ok());
  ASSERT_EQ(write(a[1], "x", 1), 1);
  ASSERT_EQ(write(b[1], "x", 1), 1);
  loop_.RunOnce(absl::Seconds(10));
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_GE(successor_peer, 0);
  EXPECT_EQ(told, 0);
  for (int fd : {a[0], a[1], b[0], b[1], successor_peer}) close(fd);
}

TEST_F(LoopTest, DataForServersIsFlushedBeforeDataForClients) {
  std::string log;
  Step client("c", log), server("s", log);
  loop_.Schedule(client, Phase::kFlushClient);
  loop_.Schedule(server, Phase::kFlushUpstream);
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(log, "sc");
}

TEST_F(LoopTest, ATaskScheduledTwiceRunsOnce) {
  std::string log;
  Step step("x", log);
  loop_.Schedule(step, Phase::kFlushClient);
  loop_.Schedule(step, Phase::kFlushClient);
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(log, "x");
}

TEST_F(LoopTest, ADestroyedTaskDoesNotRun) {
  std::string log;
  {
    Step step("x", log);
    loop_.Schedule(step, Phase::kReady);
  }
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(log, "");
}

TEST_F(LoopTest, AReadyTaskDoesNotWaitForAnEvent) {
  std::string log;
  Step step("x", log);
  loop_.Schedule(step, Phase::kReady);
  loop_.RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(log, "x");
}

TEST_F(LoopTest, PostedWorkRunsInOrderAndWakesTheLoop) {
  std::vector<int> order;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) loop_.PostFromAnyThread([&, i] { order.push_back(i); });
    loop_.StopFromAnyThread();
  });
  loop_.Run();
  poster.join();
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(LoopTest, AnObjectIsDeletedAtTheEndOfTheTurn) {
  bool deleted = false;
  struct Thing {
    explicit Thing(bool& deleted) : deleted(deleted) {}
    ~Thing() { deleted = true; }
    bool& deleted;
  };
  loop_.PostFromAnyThread([&] {
    loop_.DeleteLater(std::make_unique<Thing>(deleted));
    EXPECT_FALSE(deleted);
  });
  loop_.RunOnce(absl::Seconds(10));
  EXPECT_TRUE(deleted);
}

TEST_F(LoopTest, ATimerEndsTheWait) {
  std::string log;
  struct Ring {
    void Fire() { done = true; }
    bool done = false;
  } ring;
  Timer timer(loop_.timers(), &Timer::Call<Ring, &Ring::Fire>, &ring);
  timer.SetAt(loop_.now_ns() + 5'000'000);
  while (!ring.done) loop_.RunOnce(absl::InfiniteDuration());
  EXPECT_FALSE(timer.is_set());
}

}  // namespace
}  // namespace sluice::event
