// Counts of requests by key and window, shared by all workers of a process and by all generations.
//
// Exact: of any number of threads that take from one key exactly `count` are admitted in a window,
// as long as the key is not evicted. Bounded: `capacity` keys; of those that share a bucket the one
// whose window ends first goes to make room, and is counted. Without locks: every change is one
// compare-and-swap, and a thread that stands still stops no other.
//
// A window is counted from the clock as it stood when the table was made, and by monotonic time
// from then on: a clock that is set later neither gives budgets twice nor keeps them used up.
//
// Memory is mapped once (24 bytes a key) and taken from the system page by page as keys come.
//
// Thread: any. Lifetime: main owns it, over all generations.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "proxy/plugins/limit_count/counter_bucket.h"
#include "proxy/plugins/limit_count/keyed_hash.h"

namespace sluice::plugins {

class CounterTable {
 public:
  static constexpr size_t kDefaultCapacity = size_t{1} << 20;

  struct Limit {
    uint32_t count = 1;           // At least 1.
    uint32_t window_seconds = 1;  // 1 to 86400.
    // The window before counts too, in proportion to how much of it still overlaps.
    bool is_sliding = false;
  };

  struct Verdict {
    bool is_admitted = false;
    uint32_t remaining = 0;
    // Admitted: until the window ends. Refused: until one more would be admitted. At least 1.
    uint32_t reset_seconds = 1;
  };

  // `capacity` is rounded up to a power of two, at least one bucket. Throws bad_alloc if there is
  // no address space, as `new` does.
  CounterTable(const Clock& clock, HashKey seed, size_t capacity = kDefaultCapacity);
  ~CounterTable();
  CounterTable(const CounterTable&) = delete;
  CounterTable& operator=(const CounterTable&) = delete;

  // A key for KeyedHash() of the keys of one limit: `identity` is what makes it this limit. The
  // same identity gives the same key as long as the process lives, and another one in the next.
  HashKey KeyFor(absl::string_view identity) const;

  // Takes one request from `key`, a KeyedHash(); `now_ns` is Clock::MonotonicNanos() or the loop's
  // copy of it. A refusal changes nothing.
  Verdict Take(uint64_t key, const Limit& limit, int64_t now_ns);

  size_t capacity() const { return (bucket_mask_ + 1) * Bucket::kSlots; }
  // Keys that were dropped while their window was under way: their budgets began anew.
  uint64_t evictions() const { return tallies_.evictions.load(std::memory_order_relaxed); }

 private:
  using Bucket = CounterBucket<std::atomic<uint64_t>>;

  // Set at construction.
  const int64_t offset_ns_;  // Wall time less monotonic time.
  const HashKey seed_;
  size_t bucket_mask_ = 0;
  int bucket_bits_ = 0;
  Bucket* buckets_ = nullptr;

  BucketTallies tallies_;
};

}  // namespace sluice::plugins
