// Things that recur at one interval, spread evenly over it.
#pragma once

#include <cstdint>
#include <deque>

namespace sluice::hairpin {

template <typename T>
class Schedule {
 public:
  explicit Schedule(int64_t interval_nanos) : interval_(interval_nanos) {}

  // Comes first at `due`, which is not before that of any that was added.
  void Add(T* thing, int64_t due) { queue_.push_back({thing, due}); }
  void Remove(const T* thing) {
    std::erase_if(queue_, [thing](const Entry& entry) { return entry.thing == thing; });
  }

  // Calls `f(T&, int64_t due)` for what is due at `now`; returns when the next is.
  template <typename F>
  int64_t Run(int64_t now, F f) {
    while (!queue_.empty() && queue_.front().due <= now) {
      const Entry entry = queue_.front();
      queue_.pop_front();
      queue_.push_back({entry.thing, entry.due + interval_});
      f(*entry.thing, entry.due);
    }
    return queue_.empty() ? INT64_MAX : queue_.front().due;
  }

 private:
  struct Entry {
    T* thing;
    int64_t due;
  };
  const int64_t interval_;
  std::deque<Entry> queue_;  // By when they are due.
};

}  // namespace sluice::hairpin
