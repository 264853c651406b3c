// How many connections a listener has open, over all workers and generations.
//
// Thread: any.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::runtime {

class ConnectionCount {
 public:
  // Counts one more, unless there are `limit` already.
  bool Admit(uint32_t limit) {
    uint32_t open = open_.load(std::memory_order_relaxed);
    while (open < limit) {
      if (open_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  // Without a limit: those of another listener that are this one's now.
  void Add(uint32_t count) { open_.fetch_add(count, std::memory_order_relaxed); }
  void Subtract(uint32_t count) { open_.fetch_sub(count, std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> open_{0};
};

}  // namespace sluice::runtime
