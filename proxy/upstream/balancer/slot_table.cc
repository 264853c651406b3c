// Ring. A classical ring of points has shares that are wrong by a tenth with the usual 160 points
// an endpoint, and cannot express weights without a common divisor, which changes with the set and
// then moves every key. Here every endpoint claims every slot at a moment of its own: the k-th
// claim of an endpoint of weight w comes between L(k) / w and L(k + 1) / w, where L(k) is the
// expected moment of the k-th of `kRingSlots` exponential events, and both the place in between and
// the order of the slots depend on the id alone.
// The earliest claim owns the slot. A race of exponentials is won in proportion to the rates, so
// shares follow weights; and nobody's claims depend on who else is there, so a change moves nothing
// but what it must. (It is weighted rendezvous hashing, computed ahead for every slot.) Claims are
// made in rising time up to a bound that leaves almost no slot free: about 13 claims a slot, 5 ms,
// whatever the number of endpoints.
//
// Maglev. As in Google's paper, generalised to weights: the endpoint whose turn is next takes the
// next free slot in its own order; turns come at (n + 1/2) / w.
#include "proxy/upstream/balancer/slot_table.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <queue>
#include <tuple>

namespace sluice::upstream {

namespace {

constexpr size_t kRingSlots = 65536;          // A power of two: orders are bijections of 16 bits.
constexpr size_t kMaglevSlots = 65537;        // Prime: any step visits every slot.
constexpr uint64_t kOne = uint64_t{1} << 30;  // Fixed point.

// Different salts give unrelated values of one id.
uint64_t Mix(uint64_t id, uint64_t salt) {
  uint64_t z = id + salt * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// The order in which one endpoint claims the slots of the ring. Every step can be undone, so no
// slot comes twice.
class ClaimOrder {
 public:
  explicit ClaimOrder(uint64_t id) {
    const uint64_t key = Mix(id, 1);
    multiplier_ = static_cast<uint16_t>(key) | 1;
    offset_ = static_cast<uint16_t>(key >> 16);
    second_multiplier_ = static_cast<uint16_t>(key >> 32) | 1;
    second_offset_ = static_cast<uint16_t>(key >> 48);
  }

  uint16_t operator()(uint32_t k) const {
    uint16_t x = static_cast<uint16_t>(k * multiplier_ + offset_);
    x ^= x >> 7;
    x = static_cast<uint16_t>(uint32_t{x} * second_multiplier_ + second_offset_);
    x ^= x >> 9;
    x = static_cast<uint16_t>(uint32_t{x} * 0x9e35u);
    return x ^ (x >> 8);
  }

 private:
  uint32_t multiplier_;
  uint32_t offset_;
  uint32_t second_multiplier_;
  uint32_t second_offset_;
};

// L(k) in units of 1 / kOne, k from 0 to kRingSlots: the sum of 1 / (slots - j) for j below k.
std::vector<uint64_t> ExpectedMoments() {
  std::vector<uint64_t> moments = {0};
  for (size_t k = 0; k < kRingSlots; ++k) moments.push_back(moments[k] + kOne / (kRingSlots - k));
  return moments;
}

struct Claimant {
  ClaimOrder order;
  uint64_t phase;     // Of 1024. Without it, endpoints with a slot or less get too little.
  uint64_t slowness;  // kOne / weight.
  uint16_t endpoint;
  uint32_t claims = 0;

  uint64_t NextMoment(const std::vector<uint64_t>& moments) const {
    const uint64_t from = moments[claims];
    return (from + (moments[claims + 1] - from) * phase / 1024) * slowness;
  }
};

}  // namespace

SlotTable SlotTable::Ring(std::span<const SlotCandidate> candidates) {
  if (candidates.empty()) return SlotTable();
  SlotTable table(kRingSlots);
  std::vector<Claimant> claimants;
  uint64_t total_weight = 0;
  for (const SlotCandidate& c : candidates) {
    claimants.push_back({ClaimOrder(c.id), Mix(c.id, 4) % 1024, kOne / c.weight, c.endpoint});
    total_weight += c.weight;
  }
  const std::vector<uint64_t> moments = ExpectedMoments();
  constexpr uint64_t kFree = std::numeric_limits<uint64_t>::max();
  std::vector<uint64_t> claimed_at(kRingSlots, kFree);
  size_t free_slots = kRingSlots;
  // At this bound a slot is still free with a probability of e^-11.7, so that a second pass is
  // rare. The product stays below 2^64: the last moment is below 11.7 kOne.
  for (uint64_t bound = moments.back() * kOne / total_weight; free_slots > 0;
       bound = bound > kFree / 2 ? kFree : bound * 2) {
    for (Claimant& claimant : claimants) {
      for (; claimant.claims < kRingSlots; ++claimant.claims) {
        const uint64_t moment = claimant.NextMoment(moments);
        if (moment > bound) break;
        const uint16_t slot = claimant.order(claimant.claims);
        if (moment >= claimed_at[slot]) continue;  // In a tie the smaller id keeps it.
        if (claimed_at[slot] == kFree) --free_slots;
        claimed_at[slot] = moment;
        table.owners_[slot] = claimant.endpoint;
      }
    }
  }
  return table;
}

SlotTable SlotTable::Maglev(std::span<const SlotCandidate> candidates) {
  if (candidates.empty()) return SlotTable();
  SlotTable table(kMaglevSlots);
  struct Cursor {
    uint64_t slot;
    uint64_t step;
    uint64_t turns = 0;
  };
  std::vector<Cursor> cursors;
  // By moment, then by place in `candidates`, which is by id.
  using Turn = std::tuple<uint64_t, uint32_t>;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns;
  const auto moment_of = [&](uint32_t i) {
    return (2 * cursors[i].turns + 1) * kOne / candidates[i].weight;
  };
  for (uint32_t i = 0; i < candidates.size(); ++i) {
    cursors.push_back({Mix(candidates[i].id, 2) % kMaglevSlots,
                       Mix(candidates[i].id, 3) % (kMaglevSlots - 1) + 1});
    turns.emplace(moment_of(i), i);
  }
  std::vector<bool> taken(kMaglevSlots);
  for (size_t given = 0; given < kMaglevSlots; ++given) {
    const uint32_t i = std::get<1>(turns.top());
    turns.pop();
    Cursor& cursor = cursors[i];
    while (taken[cursor.slot]) cursor.slot = (cursor.slot + cursor.step) % kMaglevSlots;
    taken[cursor.slot] = true;
    table.owners_[cursor.slot] = candidates[i].endpoint;
    ++cursor.turns;
    turns.emplace(moment_of(i), i);
  }
  return table;
}

}  // namespace sluice::upstream
