#include "controlplane/loop/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace sluice::loop {
namespace {

using ::testing::ElementsAre;

TEST(LoopTest, TasksRunInTheOrderOfTheirPosting) {
  SystemClock clock;
  Loop loop(clock);
  std::vector<int> ran;
  for (int i = 0; i < 4; ++i) loop.Post([&ran, i] { ran.push_back(i); });
  loop.PostAndWait([] {});
  EXPECT_THAT(ran, ElementsAre(0, 1, 2, 3));
}

TEST(LoopTest, StopRunsWhatWasPostedBefore) {
  SystemClock clock;
  Loop loop(clock);
  bool ran = false;
  loop.Post([&ran] { ran = true; });
  loop.Stop();
  EXPECT_TRUE(ran);
}

TEST(LoopTest, WhatIsPostedAfterStopIsDestroyedAndDoesNotRun) {
  SystemClock clock;
  Loop loop(clock);
  loop.Stop();
  auto token = std::make_shared<int>(0);
  bool ran = false;
  loop.Post([token, &ran] { ran = true; });
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_FALSE(ran);
}

// Posting makes the loop look at a clock that was moved by hand.
TEST(LoopTest, TimersFireInTheOrderOfTheirTimesAndNotBefore) {
  ManualClock clock;
  Loop loop(clock);
  std::vector<int> fired;
  Timer late(loop, [&fired] { fired.push_back(2); });
  Timer early(loop, [&fired] { fired.push_back(1); });
  loop.PostAndWait([&late, &early] {
    late.Arm(absl::Seconds(2));
    early.Arm(absl::Seconds(1));
  });
  clock.Advance(absl::Milliseconds(999));
  loop.PostAndWait([] {});
  loop.PostAndWait([&fired] { EXPECT_TRUE(fired.empty()); });
  clock.Advance(absl::Seconds(2));
  loop.PostAndWait([] {});
  loop.PostAndWait([] {});
  EXPECT_THAT(fired, ElementsAre(1, 2));
}

TEST(LoopTest, ArmingAgainReplacesTheTime) {
  ManualClock clock;
  Loop loop(clock);
  int fired = 0;
  Timer timer(loop, [&fired] { ++fired; });
  loop.PostAndWait([&timer] {
    timer.Arm(absl::Seconds(1));
    timer.Arm(absl::Seconds(10));
  });
  clock.Advance(absl::Seconds(5));
  loop.PostAndWait([] {});
  loop.PostAndWait([&fired, &timer] {
    EXPECT_EQ(fired, 0);
    timer.Disarm();
  });
  clock.Advance(absl::Seconds(10));
  loop.PostAndWait([] {});
  loop.PostAndWait([] {});
  EXPECT_EQ(fired, 0);
}

TEST(LoopTest, ATimerWakesAnIdleLoop) {
  SystemClock clock;
  Loop loop(clock);
  Mutex mu;
  CondVar changed;
  bool fired = false;
  Timer timer(loop, [&] {
    MutexLock lock(mu);
    fired = true;
    changed.Signal();
  });
  loop.Post([&timer] { timer.Arm(absl::Milliseconds(1)); });
  MutexLock lock(mu);
  while (!fired) changed.Wait(mu);
  EXPECT_TRUE(fired);
}

}  // namespace
}  // namespace sluice::loop
