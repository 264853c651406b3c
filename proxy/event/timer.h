// One-shot timers on a hierarchical wheel.
//
// Most deadlines of a proxy are pushed back again and again and never reached, so moving one to a
// later time is a single store: the wheel looks at the deadline when the slot comes up and files
// the timer anew. Resolution is kTick; a timer never fires early and at most two ticks late.
#pragma once

#include <array>
#include <cstdint>

namespace sluice::event {

class TimerWheel;

// Thread: its loop's. Ownership: a member of what it guards; destroying it cancels it, so the
// callback's context is alive whenever it runs. The callback may set, cancel or destroy the timer.
class Timer {
 public:
  using Callback = void (*)(void* context);

  Timer(TimerWheel& wheel, Callback callback, void* context)
      : wheel_(wheel), callback_(callback), context_(context) {}
  ~Timer() { Cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once at or after `deadline_ns` of the loop's clock. Replaces an earlier deadline.
  void SetAt(int64_t deadline_ns);
  void Cancel();
  bool is_set() const { return deadline_ns_ != kNever; }
  int64_t deadline_ns() const { return deadline_ns_; }

  // Adapts a member function: `Timer timer_{wheel, &Timer::Call<Foo, &Foo::OnTimeout>, this}`.
  template <typename T, void (T::*Method)()>
  static void Call(void* context) {
    (static_cast<T*>(context)->*Method)();
  }

 private:
  friend class TimerWheel;
  static constexpr int64_t kNever = INT64_MAX;

  TimerWheel& wheel_;
  const Callback callback_;
  void* const context_;
  int64_t deadline_ns_ = kNever;
  // In a slot's list while filed; filed for filed_tick_, which is never after the deadline.
  Timer* prev_ = nullptr;
  Timer* next_ = nullptr;
  uint64_t filed_tick_ = 0;
};

// Thread: one. Lifetime: outlives its timers.
class TimerWheel {
 public:
  static constexpr int64_t kTickNs = 4'000'000;

  explicit TimerWheel(int64_t now_ns) : tick_(TickOf(now_ns)) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Runs what is due at `now_ns`.
  void Advance(int64_t now_ns);

  // Nanoseconds from `now_ns` to the next moment at which Advance() has work, at least 0; -1 if
  // there is no timer. May be earlier than the first deadline, never later than two ticks after.
  int64_t NanosToNext(int64_t now_ns) const;

 private:
  friend class Timer;
  static constexpr int kBits = 6;
  static constexpr int kSlots = 1 << kBits;
  static constexpr int kLevels = 5;  // 64^5 ticks of 4 ms: 49 days.

  static uint64_t TickOf(int64_t ns) { return static_cast<uint64_t>(ns) / kTickNs; }
  void File(Timer& timer);
  void Unfile(Timer& timer);
  void RunSlot(int level, int slot, int64_t now_ns);

  uint64_t tick_;  // The next tick to run.
  std::array<std::array<Timer*, kSlots>, kLevels> slots_{};
  std::array<uint64_t, kLevels> occupied_{};  // A bit a slot.
  Timer* running_ = nullptr;                  // What is left of the slot that runs.
};

}  // namespace sluice::event
