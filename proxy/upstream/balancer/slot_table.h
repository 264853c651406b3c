// Maps a hash to an endpoint so that the map changes little when the endpoints do.
//
// A circle of fixed slots, each owned by one endpoint. A hash selects a slot and a stride; where
// the owner cannot serve, the search walks on by the stride, so that the keys of an endpoint that
// is away spread over all others.
//
// Two ways to give the slots away. Both depend only on the set of (id, weight), not on its order,
// and use integers only: every worker and every proxy, whatever its processor, has the same table.
//
//   Ring    Removing an endpoint moves only its own slots, adding one takes only those that
//           become its own, and so with a change of weight. Shares are right within about
//           1 / sqrt(slots of the endpoint): 1.2 % with ten endpoints, 25 % with 4,096.
//   Maglev  Shares are exact but for rounding to whole slots. A removal moves a few per cent of the
//   other slots too.
//
// Immutable after construction; shared by threads. 128 KiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::upstream {

struct SlotCandidate {
  uint64_t id;        // Differs between candidates.
  uint32_t weight;    // 1 to 65535.
  uint16_t endpoint;  // What Owner() answers.
};

class SlotTable {
 public:
  SlotTable() = default;

  // `candidates` are sorted by id.
  static SlotTable Ring(std::span<const SlotCandidate> candidates);
  static SlotTable Maglev(std::span<const SlotCandidate> candidates);

  size_t size() const { return owners_.size(); }

  // Where the walk begins. Not to be called when size() is 0.
  size_t First(uint64_t hash) const {
    // Mixed once more, for callers whose "hash" is a counter or an address.
    hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15;
    return static_cast<size_t>((static_cast<unsigned __int128>(hash) * owners_.size()) >> 64);
  }

  // The slot after `slot` on the walk of `hash`, which visits every slot once before it repeats:
  // strides are odd and below 2^15, and the sizes a power of two and a prime.
  size_t Next(size_t slot, uint64_t hash) const {
    const size_t next = slot + ((hash & 0x7fff) | 1);
    return next < owners_.size() ? next : next - owners_.size();
  }

  uint16_t Owner(size_t slot) const { return owners_[slot]; }

 private:
  explicit SlotTable(size_t slots) : owners_(slots) {}

  std::vector<uint16_t> owners_;
};

}  // namespace sluice::upstream
