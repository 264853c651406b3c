#include "proxy/event/timer.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace sluice::event {
namespace {

constexpr int64_t kMs = 1'000'000;

struct Alarm {
  explicit Alarm(TimerWheel& wheel) : timer(wheel, &Timer::Call<Alarm, &Alarm::Ring>, this) {}
  void Ring() { ++rings; }
  int rings = 0;
  Timer timer;
};

TEST(TimerTest, FiresOnceWhenItsDeadlineHasPassed) {
  TimerWheel wheel(0);
  Alarm alarm(wheel);
  alarm.timer.SetAt(100 * kMs);
  wheel.Advance(99 * kMs);
  EXPECT_EQ(alarm.rings, 0);
  wheel.Advance(100 * kMs + 2 * TimerWheel::kTickNs);
  wheel.Advance(500 * kMs);
  EXPECT_EQ(alarm.rings, 1);
}

TEST(TimerTest, ALaterDeadlineReplacesTheEarlierOne) {
  TimerWheel wheel(0);
  Alarm alarm(wheel);
  alarm.timer.SetAt(10 * kMs);
  alarm.timer.SetAt(1000 * kMs);
  wheel.Advance(900 * kMs);
  EXPECT_EQ(alarm.rings, 0);
  wheel.Advance(1010 * kMs);
  EXPECT_EQ(alarm.rings, 1);
}

TEST(TimerTest, AnEarlierDeadlineReplacesTheLaterOne) {
  TimerWheel wheel(0);
  Alarm alarm(wheel);
  alarm.timer.SetAt(100'000 * kMs);
  alarm.timer.SetAt(10 * kMs);
  wheel.Advance(20 * kMs);
  EXPECT_EQ(alarm.rings, 1);
}

// The wheel never came back from a slot into which a timer went again for its next round: a worker
// stood still when a response had a quarter of a second to begin.
TEST(TimerTest, ATimerMayGoBackIntoTheSlotThatRuns) {
  for (int64_t first = 1; first <= 130; ++first) {
    TimerWheel wheel(0);
    Alarm alarm(wheel);
    alarm.timer.SetAt(first * TimerWheel::kTickNs);
    alarm.timer.SetAt((first + 64) * TimerWheel::kTickNs);
    wheel.Advance((first + 1) * TimerWheel::kTickNs);
    EXPECT_EQ(alarm.rings, 0) << first;
    wheel.Advance((first + 66) * TimerWheel::kTickNs);
    EXPECT_EQ(alarm.rings, 1) << first;
  }
}

TEST(TimerTest, ACancelledTimerStaysSilent) {
  TimerWheel wheel(0);
  Alarm alarm(wheel);
  alarm.timer.SetAt(10 * kMs);
  alarm.timer.Cancel();
  wheel.Advance(1000 * kMs);
  EXPECT_EQ(alarm.rings, 0);
  EXPECT_EQ(wheel.NanosToNext(1000 * kMs), -1);
}

TEST(TimerTest, ACallbackMayDestroyTheNextTimerOfItsSlot) {
  TimerWheel wheel(0);
  struct Pair {
    explicit Pair(TimerWheel& wheel)
        : a(std::make_unique<Timer>(wheel, &Timer::Call<Pair, &Pair::OnA>, this)),
          b(std::make_unique<Timer>(wheel, &Timer::Call<Pair, &Pair::OnB>, this)) {}
    void OnA() {
      b.reset();
      ++fired;
    }
    void OnB() {
      a.reset();
      ++fired;
    }
    int fired = 0;
    std::unique_ptr<Timer> a, b;
  } pair(wheel);
  pair.a->SetAt(10 * kMs);
  pair.b->SetAt(10 * kMs);
  wheel.Advance(100 * kMs);
  EXPECT_EQ(pair.fired, 1);
}

TEST(TimerTest, ManyTimersNeverFireEarlyAndAtMostTwoTicksLate) {
  std::mt19937_64 random(7);
  TimerWheel wheel(12345);
  struct Checked {
    Checked(TimerWheel& wheel, const int64_t& now)
        : now(now), timer(wheel, &Timer::Call<Checked, &Checked::Fire>, this) {}
    void Fire() {
      EXPECT_GE(now, deadline);
      EXPECT_LE(now - deadline, 2 * TimerWheel::kTickNs);
      fired = true;
    }
    const int64_t& now;
    int64_t deadline = 0;
    bool fired = false;
    Timer timer;
  };
  int64_t now = 12345;
  std::vector<std::unique_ptr<Checked>> timers;
  for (int i = 0; i < 2000; ++i) {
    timers.push_back(std::make_unique<Checked>(wheel, now));
    timers.back()->deadline = static_cast<int64_t>(random() % (600'000 * kMs));
    timers.back()->timer.SetAt(timers.back()->deadline);
  }
  // Sleeps exactly as a loop would: never past what NanosToNext() said.
  for (int64_t wait; (wait = wheel.NanosToNext(now)) >= 0;) {
    now += std::max<int64_t>(wait, 1);
    wheel.Advance(now);
  }
  for (const auto& timer : timers) EXPECT_TRUE(timer->fired) << timer->deadline;
}

TEST(TimerTest, AFarDeadlineBeyondTheWheelStillFires) {
  TimerWheel wheel(0);
  Alarm alarm(wheel);
  const int64_t far = int64_t{80} * 24 * 3600 * 1000 * kMs;
  alarm.timer.SetAt(far);
  int64_t now = 0;
  for (int64_t wait; (wait = wheel.NanosToNext(now)) >= 0;) {
    EXPECT_EQ(alarm.rings, 0);
    now += std::max<int64_t>(wait, 1);
    wheel.Advance(now);
  }
  EXPECT_EQ(alarm.rings, 1);
  EXPECT_GE(now, far);
}

}  // namespace
}  // namespace sluice::event
