// A bucket is found by the upper bits of the hash, a key in it by the other bits, its tag. A slot's
// tag is
//   0                  free,
//   tag | mark         claimed: a thread is about to find out whether it is the only one,
//   tag                the one place of that key.
// Marks number the claims, so that a thread that stood still cannot take a new claim for its own.
//
// One place a key, always: whoever claims (or finds a claim of its key, and then helps) looks at
// all other slots *after* the claim is there, takes back other claims of the key, and gives way to
// a settled one; only then the claim is settled. If two were settled at once, each of the two
// claims would have been made after the other's look, which began after its own claim: a circle.
//
// A slot is given its window before it is settled, so that it does not look old to the next thread
// that needs one.
//
// A counter is one word: when its window ends, and how many were admitted. The time is blurred by
// the tag, so that what an evicted key left behind, or a thread that had not yet noticed the
// eviction writes, reads as a window long gone and not as the new key's. Therefore eviction is one
// compare-and-swap of the tag and no counter need be cleared.
//
// Of three alternatives: a mutex a bucket lets a preempted worker stop others; double-width
// compare-and-swap cannot keep two slots from taking the same key; counters per worker are cheaper
// but not exact.
#include "proxy/plugins/limit_count/counter_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

namespace sluice::plugins {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kNanosPerMilli = 1'000'000;

// Low bits of a tag, free for the mark of a claim. The upper bits that choose the bucket are not
// needed in the tag, so it loses nothing by this in a table of 2^16 buckets or more.
constexpr uint64_t kMarkMask = 0xffff;

bool IsClaim(uint64_t tag) { return (tag & kMarkMask) != 0; }
uint64_t TagOf(uint64_t tag) { return tag & ~kMarkMask; }

uint64_t MakeTag(uint64_t key) {
  const uint64_t tag = key << 16;
  return tag != 0 ? tag : kMarkMask + 1;
}

uint32_t Blur(uint64_t tag) {
  return static_cast<uint32_t>((tag >> 16) * 0x9e3779b97f4a7c15 >> 32);
}

// No window ends later than this many seconds from now; what does is another key's.
constexpr uint32_t kLongestWindow = 2 * 86400;

uint64_t Encode(uint64_t tag, uint32_t end, uint32_t count) {
  return uint64_t{end + Blur(tag)} << 32 | count;
}
uint32_t EndOf(uint64_t tag, uint64_t word) {
  return static_cast<uint32_t>(word >> 32) - Blur(tag);
}
uint32_t CountOf(uint64_t word) { return static_cast<uint32_t>(word); }

uint32_t CeilSeconds(uint64_t millis) {
  return std::max<uint32_t>(1, static_cast<uint32_t>((millis + 999) / 1000));
}

// The moment of a request within the windows of its limit.
struct Moment {
  Moment(int64_t wall_ns, uint32_t window_seconds) {
    const uint64_t length_ns = uint64_t{window_seconds} * kNanosPerSecond;
    number = static_cast<uint64_t>(wall_ns) / length_ns;
    end = static_cast<uint32_t>((number + 1) * window_seconds);
    length_ms = uint64_t{window_seconds} * 1000;
    left_ms = length_ms - static_cast<uint64_t>(wall_ns) % length_ns / kNanosPerMilli;
  }

  uint64_t number;     // Of the window.
  uint32_t end;        // Seconds.
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
  const auto now_seconds = static_cast<uint32_t>(wall_ns / kNanosPerSecond);
  const Moment moment(wall_ns, limit.window_seconds);
  Bucket& bucket = buckets_[bucket_bits_ == 0 ? 0 : key >> (64 - bucket_bits_)];
  const uint64_t tag = MakeTag(key);
  // The counters are fetched while the tags are: with many keys this waits for memory once.
  __builtin_prefetch(&bucket.counters[0], 1);
  __builtin_prefetch(&bucket.counters[kSlots / 2], 1);
  const Entry entry = {tag, moment.end, static_cast<uint32_t>(moment.number & 1), now_seconds};
  for (;;) {
    const size_t slot = FindOrClaim(bucket, entry);
    std::atomic<uint64_t>& current = bucket.counters[slot][entry.parity];
    uint64_t word = current.load(std::memory_order_acquire);
    const uint64_t word_before =
        bucket.counters[slot][entry.parity ^ 1].load(std::memory_order_acquire);
    // If the slot is still ours now, what was read is of our key, or is no window of it.
    if (bucket.tags[slot].load() != tag) continue;

    uint32_t end = moment.end;
    // A worker whose clock is two windows ahead has been here: its window counts.
    if (EndOf(tag, word) == end + 2 * limit.window_seconds) end = EndOf(tag, word);
    const uint64_t used = EndOf(tag, word) == end ? CountOf(word) : 0;
    uint64_t before = 0;
    if (limit.is_sliding && EndOf(tag, word_before) == moment.end - limit.window_seconds) {
      before = CountOf(word_before);
    }
    const uint64_t taken = used + (before == 0 ? 0 : before * moment.left_ms / moment.length_ms);
    if (taken >= limit.count) {
      const uint64_t wait_ms =
          limit.is_sliding ? SlidingWait(moment, limit.count, used, before) : moment.left_ms;
      return {false, 0, CeilSeconds(wait_ms)};
    }
    const uint64_t next = Encode(tag, end, static_cast<uint32_t>(used + 1));
    // An eviction between the look at the tag and this would have lost the count: once more, then.
    if (current.compare_exchange_strong(word, next) && bucket.tags[slot].load() == tag) {
      return {true, static_cast<uint32_t>(limit.count - taken - 1), CeilSeconds(moment.left_ms)};
    }
  }
}

size_t CounterTable::FindOrClaim(Bucket& bucket, const Entry& entry) {
  for (;;) {
    uint64_t tags[kSlots];
    size_t claim = kSlots;
    for (size_t i = 0; i < kSlots; ++i) {
      tags[i] = bucket.tags[i].load(std::memory_order_acquire);
      if (tags[i] == entry.tag) return i;
      if (TagOf(tags[i]) == entry.tag) claim = i;
    }
    if (claim < kSlots) {
      Settle(bucket, claim, tags[claim], entry);
      continue;
    }
    const uint64_t mark = claims_.fetch_add(1, std::memory_order_relaxed) % kMarkMask + 1;
    const uint64_t pending = entry.tag | mark;
    const size_t slot = Claim(bucket, tags, pending, entry.now_seconds);
    if (slot < kSlots) Settle(bucket, slot, pending, entry);
  }
}

// When the later window of a slot ends; 0 if it has none.
uint32_t CounterTable::EndOfSlot(const Bucket& bucket, size_t slot, uint64_t tag,
                                 uint32_t now_seconds) {
  uint32_t end = 0;
  for (const auto& counter : bucket.counters[slot]) {
    const uint32_t read = EndOf(tag, counter.load(std::memory_order_relaxed));
    if (read <= now_seconds + kLongestWindow) end = std::max(end, read);
  }
  return end;
}

// The first free slot, or else the one whose window ended or will end first; kSlots if somebody
// else was faster. `tags` is what the caller saw: a slot that has changed since is not taken.
size_t CounterTable::Claim(Bucket& bucket, const uint64_t (&tags)[kSlots], uint64_t pending,
                           uint32_t now_seconds) {
  size_t oldest = 0;
  uint64_t oldest_end = ~uint64_t{0};
  for (size_t i = 0; i < kSlots; ++i) {
    if (tags[i] == 0) {
      oldest = i;
      break;
    }
    // Another thread's claim is taken only if there is nothing else: it will notice and try again.
    const uint64_t end =
        IsClaim(tags[i]) ? ~uint64_t{0} - 1 : EndOfSlot(bucket, i, tags[i], now_seconds);
    if (end < oldest_end) {
      oldest = i;
      oldest_end = end;
    }
  }
  uint64_t victim = tags[oldest];
  if (!bucket.tags[oldest].compare_exchange_strong(victim, pending)) return kSlots;
  const bool was_in_use = victim != 0 && !IsClaim(victim);
  if (was_in_use && EndOfSlot(bucket, oldest, victim, now_seconds) > now_seconds) {
    evictions_.fetch_add(1, std::memory_order_relaxed);
  }
  return oldest;
}

void CounterTable::Settle(Bucket& bucket, size_t slot, uint64_t pending, const Entry& entry) {
  for (size_t i = 0; i < kSlots; ++i) {
    if (i == slot) continue;
    uint64_t other = bucket.tags[i].load();
    if (TagOf(other) != entry.tag) continue;
    // Another claim is taken back; if it is settled, or is just being so, this one gives way.
    if (other != entry.tag && bucket.tags[i].compare_exchange_strong(other, 0)) continue;
    if (other == entry.tag) {
      bucket.tags[slot].compare_exchange_strong(pending, 0);
      return;
    }
  }
  std::atomic<uint64_t>& counter = bucket.counters[slot][entry.parity];
  uint64_t left_behind = counter.load();
  if (bucket.tags[slot].load() != pending) return;
  if (EndOf(entry.tag, left_behind) != entry.window_end) {
    counter.compare_exchange_strong(left_behind, Encode(entry.tag, entry.window_end, 0));
  }
  bucket.tags[slot].compare_exchange_strong(pending, entry.tag);
}

}  // namespace sluice::plugins
