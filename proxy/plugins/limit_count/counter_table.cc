// How a bucket counts: counter_bucket.h. Why one table for all workers, and not a mutex a bucket or
// counters per worker: docs/decisions/rate-limit-counters.md.
#include "proxy/plugins/limit_count/counter_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

namespace sluice::plugins {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kNanosPerMilli = 1'000'000;

uint32_t CeilSeconds(uint64_t millis) {
  return std::max<uint32_t>(1, static_cast<uint32_t>((millis + 999) / 1000));
}

// The moment of a request within the windows of its limit.
struct Moment {
  Moment(int64_t wall_ns, uint32_t window_seconds) {
    const uint64_t length_ns = uint64_t{window_seconds} * kNanosPerSecond;
    window_number = static_cast<uint64_t>(wall_ns) / length_ns;
    length_ms = uint64_t{window_seconds} * 1000;
    left_ms = length_ms - static_cast<uint64_t>(wall_ns) % length_ns / kNanosPerMilli;
  }

  // What the window before still counts for.
  uint64_t Weight(uint64_t before) const { return before == 0 ? 0 : before * left_ms / length_ms; }

  uint64_t window_number;
  uint64_t length_ms;  // At most 27 bits, so that products with a count fit.
  uint64_t left_ms;    // Of the window: 1 to length_ms.
};

// Milliseconds until a sliding window that refuses admits one more: until the count of the window
// before has lost enough weight, in this window or, if that is used up by itself, in the next.
uint64_t SlidingWait(const Moment& moment, uint64_t count, uint64_t used, uint64_t before) {
  if (used < count) {
    const uint64_t left_then = ((count - used) * moment.length_ms - 1) / before;
    return moment.left_ms - std::min(left_then, moment.left_ms);
  }
  const uint64_t left_then = (count * moment.length_ms - 1) / used;
  return moment.left_ms + moment.length_ms - std::min(left_then, moment.length_ms);
}

}  // namespace

CounterTable::CounterTable(const Clock& clock, HashKey seed, size_t capacity)
    : offset_ns_(absl::ToUnixNanos(clock.Now()) - clock.MonotonicNanos()), seed_(seed) {
  constexpr size_t kSlots = Bucket::kSlots;
  const size_t buckets = std::bit_ceil(std::max<size_t>(1, (capacity + kSlots - 1) / kSlots));
  bucket_mask_ = buckets - 1;
  bucket_bits_ = std::countr_zero(buckets);
  // Zero pages are free slots. Small pages: a table that holds few keys should cost few.
  void* memory = mmap(nullptr, buckets * sizeof(Bucket), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, buckets * sizeof(Bucket), MADV_NOHUGEPAGE);
  buckets_ = static_cast<Bucket*>(memory);
}

CounterTable::~CounterTable() { munmap(buckets_, (bucket_mask_ + 1) * sizeof(Bucket)); }

HashKey CounterTable::KeyFor(absl::string_view identity) const {
  return {KeyedHash(seed_, identity), KeyedHash({seed_.k1, seed_.k0}, identity)};
}

CounterTable::Verdict CounterTable::Take(uint64_t key, const Limit& limit, int64_t now_ns) {
  const int64_t wall_ns = now_ns + offset_ns_;
  Bucket& bucket = buckets_[bucket_bits_ == 0 ? 0 : key >> (64 - bucket_bits_)];
  bucket.Fetch();
  const Moment moment(wall_ns, limit.window_seconds);
  const Bucket::Entry entry = {Bucket::TagOf(key), moment.window_number, limit.window_seconds,
                               static_cast<uint32_t>(wall_ns / kNanosPerSecond)};
  uint64_t taken = 0;
  const auto admits = [&](uint64_t used, uint64_t before) {
    taken = used + (limit.is_sliding ? moment.Weight(before) : 0);
    return taken < limit.count;
  };
  const Bucket::Counts counts = bucket.Count(entry, admits, tallies_);
  if (counts.is_admitted) {
    return {true, static_cast<uint32_t>(limit.count - taken - 1), CeilSeconds(moment.left_ms)};
  }
  const uint64_t wait_ms = limit.is_sliding
                               ? SlidingWait(moment, limit.count, counts.used, counts.before)
                               : moment.left_ms;
  return {false, 0, CeilSeconds(wait_ms)};
}

}  // namespace sluice::plugins
