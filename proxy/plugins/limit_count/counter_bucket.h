// Eight keys of a CounterTable that share a place, and the threads that count in them at once.
//
// A slot's tag is
//   0                  free,
//   tag | mark         claimed: a thread is about to find out whether it is the only one,
//   tag                the one place of that key.
// Marks number the claims, so that a thread that stood still cannot take a new claim for its own.
//
// One place a key, always: whoever claims (or finds a claim of its key, and then helps) looks at
// all other slots *after* the claim is there, takes back other claims of the key, and gives way to
// a settled one; only then the claim is settled. If two were settled at once, each of the two
// claims would have been made after the other's look, which began after its own claim: a circle. A
// slot is given its window before it is settled, so that it does not look old to the next thread
// that needs one.
//
// A counter is one word: when its window ends, and how many were admitted. The time is blurred by
// the tag, so that what an evicted key left behind, or a thread that had not yet noticed the
// eviction writes, reads as a window long gone and not as the new key's. Therefore eviction is one
// compare-and-swap of the tag and no counter need be cleared.
//
// `Word` is std::atomic<uint64_t>; a test puts a word in its place that stops threads wherever they
// touch memory.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/prefetch.h"

namespace sluice::plugins {

// What all buckets of a table number and count together.
struct BucketTallies {
  std::atomic<uint64_t> evictions{0};
  std::atomic<uint32_t> claims{0};
};

template <typename Word>
class alignas(64) CounterBucket {
 public:
  static constexpr size_t kSlots = 8;

  // The low bits of a tag are for marks. They hold no part of the key: 48 bits are left, and those
  // that chose the bucket.
  static uint64_t TagOf(uint64_t key) {
    const uint64_t tag = key << kMarkBits;
    return tag != 0 ? tag : uint64_t{1} << kMarkBits;
  }

  // A key in its window. Windows are numbered from a common start, and end at number + 1 lengths.
  struct Entry {
    uint64_t tag;
    uint64_t window_number;
    uint32_t window_seconds;
    uint32_t now_seconds;

    uint32_t end() const { return static_cast<uint32_t>((window_number + 1) * window_seconds); }
  };

  struct Counts {
    uint64_t used = 0;    // In the window, without this one.
    uint64_t before = 0;  // In the window before.
    bool is_admitted = false;
  };

  // Counts one more if `admits(used, before)` says so. It may be asked several times.
  template <typename Admits>
  Counts Count(const Entry& entry, Admits admits, BucketTallies& tallies) {
    for (;;) {
      const size_t slot = FindOrClaim(entry, tallies);
      Word& current = counters_[slot][entry.window_number & 1];
      uint64_t word = current.load(std::memory_order_acquire);
      const uint64_t word_before =
          counters_[slot][~entry.window_number & 1].load(std::memory_order_acquire);
      // If the slot is still ours now, what was read is of our key, or is no window of it.
      if (tags_[slot].load() != entry.tag) continue;

      Counts counts;
      uint32_t end = entry.end();
      // A worker whose clock is two windows ahead has been here: its window counts.
      const uint32_t read_end = EndOf(entry.tag, word);
      if (read_end == end + 2 * entry.window_seconds) end = read_end;
      if (read_end == end) counts.used = CountOf(word);
      if (EndOf(entry.tag, word_before) == entry.end() - entry.window_seconds) {
        counts.before = CountOf(word_before);
      }
      if (!admits(counts.used, counts.before)) return counts;
      const uint64_t next = Encode(entry.tag, end, static_cast<uint32_t>(counts.used + 1));
      // An eviction between the look at the tag and this would have lost the count: once more,
      // then.
      if (current.compare_exchange_strong(word, next) && tags_[slot].load() == entry.tag) {
        counts.is_admitted = true;
        return counts;
      }
    }
  }

  // For the processor's cache: the counters come while the tags are looked at.
  void Fetch() const {
    PrefetchForWrite(&counters_[0]);
    PrefetchForWrite(&counters_[kSlots / 2]);
  }

 private:
  static constexpr int kMarkBits = 16;
  static constexpr uint64_t kMarkMask = (1 << kMarkBits) - 1;
  // No window ends later than this many seconds from now; what does is another key's.
  static constexpr uint32_t kLongestWindow = 2 * 86400;

  static uint64_t KeyPart(uint64_t tag) { return tag & ~kMarkMask; }
  static bool IsClaim(uint64_t tag) { return (tag & kMarkMask) != 0; }

  static uint32_t Blur(uint64_t tag) {
    return static_cast<uint32_t>((tag >> kMarkBits) * 0x9e3779b97f4a7c15 >> 32);
  }
  static uint64_t Encode(uint64_t tag, uint32_t end, uint32_t count) {
    return uint64_t{end + Blur(tag)} << 32 | count;
  }
  static uint32_t EndOf(uint64_t tag, uint64_t word) {
    return static_cast<uint32_t>(word >> 32) - Blur(tag);
  }
  static uint32_t CountOf(uint64_t word) { return static_cast<uint32_t>(word); }

  // The slot that holds the tag; claims one if there is none.
  size_t FindOrClaim(const Entry& entry, BucketTallies& tallies) {
    for (;;) {
      uint64_t seen[kSlots];
      size_t claim = kSlots;
      for (size_t i = 0; i < kSlots; ++i) {
        seen[i] = tags_[i].load(std::memory_order_acquire);
        if (seen[i] == entry.tag) return i;
        if (KeyPart(seen[i]) == entry.tag) claim = i;
      }
      if (claim < kSlots) {
        Settle(claim, seen[claim], entry);
        continue;
      }
      const uint64_t mark = tallies.claims.fetch_add(1, std::memory_order_relaxed) % kMarkMask + 1;
      const uint64_t pending = entry.tag | mark;
      const size_t slot = Claim(seen, pending, entry.now_seconds, tallies);
      if (slot < kSlots) Settle(slot, pending, entry);
    }
  }

  // The first free slot, or else the one whose window ended or will end first; kSlots if somebody
  // else was faster. `seen` are the tags: a slot that has changed since is not taken.
  size_t Claim(const uint64_t (&seen)[kSlots], uint64_t pending, uint32_t now_seconds,
               BucketTallies& tallies) {
    size_t oldest = 0;
    uint64_t oldest_end = ~uint64_t{0};
    for (size_t i = 0; i < kSlots; ++i) {
      if (seen[i] == 0) {
        oldest = i;
        break;
      }
      // Another's claim is taken only if there is nothing else: it will notice and try again.
      const uint64_t end = IsClaim(seen[i]) ? ~uint64_t{0} - 1 : EndOfSlot(i, seen[i], now_seconds);
      if (end < oldest_end) {
        oldest = i;
        oldest_end = end;
      }
    }
    uint64_t victim = seen[oldest];
    if (!tags_[oldest].compare_exchange_strong(victim, pending)) return kSlots;
    const bool was_in_use = victim != 0 && !IsClaim(victim);
    if (was_in_use && EndOfSlot(oldest, victim, now_seconds) > now_seconds) {
      tallies.evictions.fetch_add(1, std::memory_order_relaxed);
    }
    return oldest;
  }

  // Makes a claim the one place of its tag, unless there is another already.
  void Settle(size_t slot, uint64_t pending, const Entry& entry) {
    for (size_t i = 0; i < kSlots; ++i) {
      if (i == slot) continue;
      uint64_t other = tags_[i].load();
      if (KeyPart(other) != entry.tag) continue;
      // Another claim is taken back; if it is settled, or is just being so, this one gives way.
      if (other != entry.tag && tags_[i].compare_exchange_strong(other, 0)) continue;
      if (other == entry.tag) {
        tags_[slot].compare_exchange_strong(pending, 0);
        return;
      }
    }
    Word& counter = counters_[slot][entry.window_number & 1];
    for (;;) {
      uint64_t left_behind = counter.load();
      if (tags_[slot].load() != pending) return;
      if (EndOf(entry.tag, left_behind) == entry.end()) break;
      // It fails where a thread of the evicted key has just counted: that is to be replaced too.
      const uint64_t none = Encode(entry.tag, entry.end(), 0);
      if (counter.compare_exchange_strong(left_behind, none)) break;
    }
    tags_[slot].compare_exchange_strong(pending, entry.tag);
  }

  // When the later window of a slot ends; 0 if it has none.
  uint32_t EndOfSlot(size_t slot, uint64_t tag, uint32_t now_seconds) const {
    uint32_t end = 0;
    for (const Word& counter : counters_[slot]) {
      const uint32_t read = EndOf(tag, counter.load(std::memory_order_relaxed));
      if (read <= now_seconds + kLongestWindow) end = std::max(end, read);
    }
    return end;
  }

  // The tags share a cache line; two counters a key follow, for even and odd windows.
  Word tags_[kSlots];
  Word counters_[kSlots][2];
};

}  // namespace sluice::plugins
