// A timer is filed by the distance of its tick: level 0 holds the next 64 ticks, level k slots of
// 64^k ticks. When the wheel enters a slot of a higher level its timers move down. A deadline that
// moved later since is noticed when the slot runs; one that moved earlier is filed anew at once.

#include "proxy/event/timer.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace sluice::event {

void Timer::SetAt(int64_t deadline_ns) {
  const bool filed = is_set();
  deadline_ns_ = std::min(deadline_ns, kNever - 1);
  if (filed) {
    if (TimerWheel::TickOf(deadline_ns_) + 1 >= filed_tick_) return;
    wheel_.Unfile(*this);
  }
  wheel_.File(*this);
}

void Timer::Cancel() {
  if (!is_set()) return;
  wheel_.Unfile(*this);
  deadline_ns_ = kNever;
}

void TimerWheel::File(Timer& timer) {
  // The tick after the deadline's: when it runs, the deadline has passed.
  constexpr uint64_t kHorizon = (uint64_t{1} << (kBits * kLevels)) - 1;
  const uint64_t wanted = std::max(TickOf(timer.deadline_ns_) + 1, tick_);
  timer.filed_tick_ = std::min(wanted, tick_ + kHorizon - (uint64_t{1} << (kBits * (kLevels - 1))));
  const uint64_t differing = timer.filed_tick_ ^ tick_;
  const int level =
      differing == 0 ? 0 : std::min((63 - std::countl_zero(differing)) / kBits, kLevels - 1);
  const int slot = static_cast<int>(timer.filed_tick_ >> (level * kBits)) & (kSlots - 1);
  Timer*& head = slots_[level][slot];
  timer.prev_ = nullptr;
  timer.next_ = head;
  if (head != nullptr) head->prev_ = &timer;
  head = &timer;
  occupied_[level] |= uint64_t{1} << slot;
}

void TimerWheel::Unfile(Timer& timer) {
  if (timer.next_ != nullptr) timer.next_->prev_ = timer.prev_;
  if (timer.prev_ != nullptr) {
    timer.prev_->next_ = timer.next_;
  } else if (running_ == &timer) {
    running_ = timer.next_;
  } else {
    // Head of its list: which list follows from where it was filed; the level is the one whose
    // slot points here.
    for (int level = 0; level < kLevels; ++level) {
      const int slot = static_cast<int>(timer.filed_tick_ >> (level * kBits)) & (kSlots - 1);
      if (slots_[level][slot] != &timer) continue;
      slots_[level][slot] = timer.next_;
      if (timer.next_ == nullptr) occupied_[level] &= ~(uint64_t{1} << slot);
      break;
    }
  }
  timer.prev_ = timer.next_ = nullptr;
}

void TimerWheel::RunSlot(int level, int slot, int64_t now_ns) {
  // The list is taken off first: what is filed anew may land in this very slot, for its next round.
  // One at a time from the head: a callback may destroy any other timer of the list.
  running_ = std::exchange(slots_[level][slot], nullptr);
  occupied_[level] &= ~(uint64_t{1} << slot);
  while (Timer* timer = running_) {
    Unfile(*timer);
    if (timer->deadline_ns_ > now_ns) {
      File(*timer);
      continue;
    }
    timer->deadline_ns_ = Timer::kNever;
    timer->callback_(timer->context_);
  }
}

void TimerWheel::Advance(int64_t now_ns) {
  const uint64_t now_tick = TickOf(now_ns);
  while (tick_ <= now_tick) {
    const uint64_t tick = tick_;
    // Entering a slot of a higher level: its timers move down before the tick is run.
    for (int level = kLevels - 1; level > 0; --level) {
      if ((tick & ((uint64_t{1} << (level * kBits)) - 1)) != 0) continue;
      const int slot = static_cast<int>(tick >> (level * kBits)) & (kSlots - 1);
      Timer* timer = slots_[level][slot];
      slots_[level][slot] = nullptr;
      occupied_[level] &= ~(uint64_t{1} << slot);
      while (timer != nullptr) {
        Timer* next = timer->next_;
        File(*timer);
        timer = next;
      }
    }
    const int slot = static_cast<int>(tick) & (kSlots - 1);
    ++tick_;
    if (slots_[0][slot] != nullptr) RunSlot(0, slot, now_ns);
    // Nothing on level 0: jump to the next place at which a higher level could move down.
    if (occupied_[0] == 0) {
      const uint64_t boundary = (tick_ + kSlots - 1) & ~uint64_t{kSlots - 1};
      tick_ = std::max(tick_, std::min(boundary, now_tick + 1));
    }
  }
}

int64_t TimerWheel::NanosToNext(int64_t now_ns) const {
  uint64_t next = UINT64_MAX;
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const int shift = level * kBits;
    const uint64_t position = tick_ >> shift;
    const int slot = static_cast<int>(position) & (kSlots - 1);
    // Distance in slots from here, wrapping. On higher levels the slot we stand in has been moved
    // down already unless we stand exactly at its start.
    int distance = std::countr_zero(std::rotr(occupied_[level], slot));
    if (level > 0 && distance == 0 && (tick_ & ((uint64_t{1} << shift) - 1)) != 0) {
      distance = kSlots;
    }
    next = std::min(next, (position + distance) << shift);
  }
  if (next == UINT64_MAX) return -1;
  return std::max<int64_t>(0, static_cast<int64_t>(next * kTickNs) - now_ns);
}

}  // namespace sluice::event
