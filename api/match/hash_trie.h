// An immutable hash map that a change copies along one path.
//
// A hash array mapped trie: each level takes six bits of the hash, so a map of 100 000 items is
// three or four pointers deep, and a change copies at most that many branches of up to 64 pointers.
// A branch is one of two:
//   sparse  holds only the slots that are taken. A bitmap says which; it is kept where the branch
//           is pointed to, too, so that looking at it first costs no miss of the cache,
//   list    below the last level: items whose 30 bits are all alike.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

#include "absl/functional/function_ref.h"
#include "api/match/ref.h"
#include "base/line_pool.h"
#include "base/prefetch.h"

namespace sluice::match {

// A map of `Item`s, which know their own key. An Item has members `RefCount refs` and
// `uint32_t hash`, `static void Destroy(Item*)`, and `int32_t max_priority`, of which the trie
// keeps the highest. It may have `uint64_t hint() const`, which the trie keeps where it points to
// the item: whoever looks ahead has it without a look at the item.
//
// Thread: any may read while another copies it or updates a copy; readers touch no count.
// Ownership: shares its items with its copies.
template <typename Item>
class HashTrie {
  enum Kind : uintptr_t { kItem = 0, kSparse = 1, kList = 2 };
  struct Slot {
    uintptr_t to = 0;   // An item or a branch; the lowest two bits say which. 0 is no item.
    uint64_t hint = 0;  // The item's, or Branch::taken.

    bool is_empty() const { return to == 0; }
  };

 public:
  static constexpr int32_t kNoPriority = std::numeric_limits<int32_t>::min();

  HashTrie() = default;
  HashTrie(const HashTrie& other) : root_(other.root_) { Retain(root()); }
  HashTrie(HashTrie&& other) noexcept : root_(std::exchange(other.root_, 0)) {}
  HashTrie& operator=(HashTrie other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~HashTrie() { Drop(root()); }

  bool empty() const { return root_ == 0; }

  // The only item, or null if there are none or several.
  Item* only() const { return KindOf(root()) == kItem ? AsItem(root()) : nullptr; }

  // The highest of its items, kNoPriority if it is empty.
  int32_t max_priority() const { return MaxPriority(root()); }

  // The item for which `is_it(item)` is true, of those with this hash; null if there is none.
  template <typename IsIt>
  const Item* Find(uint32_t hash, IsIt is_it) const {
    Slot slot = root();
    for (uint32_t bits = hash;; bits >>= kBits) {
      const Branch* branch = AsBranch(slot);
      if (KindOf(slot) == kSparse) {
        const uint64_t bit = Bit(bits & kMask);
        if ((slot.hint & bit) == 0) return nullptr;
        slot = branch->slots()[Rank(slot.hint, bit)];
      } else if (KindOf(slot) == kList) {
        return FindInList(*branch, is_it);
      } else {
        const Item* item = AsItem(slot);
        return item != nullptr && is_it(*item) ? item : nullptr;
      }
    }
  }

  // A search that is under way, for maps that no cache holds: what the next step reads is on its
  // way into the cache.
  class Ahead {
   public:
    Ahead() = default;
    // The item, if the search has come so far: that of this hash if there is one. It is on its way
    // into the cache.
    const Item* item() const { return KindOf(slot_) == kItem ? AsItem(slot_) : nullptr; }
    uint64_t hint() const { return slot_.hint; }
    // Takes the next step, if there is one.
    void Advance() {
      if (KindOf(slot_) == kItem) return;
      slot_ = Child(slot_, bits_);
      bits_ >>= kBits;
      Fetch(slot_, bits_);
    }

   private:
    friend class HashTrie;
    Slot slot_;  // As in the trie.
    uint32_t bits_ = 0;
  };

  // The first step goes one level down, whose 64 slots are near anyway.
  Ahead LookAhead(uint32_t hash) const {
    Ahead ahead;
    ahead.slot_ = root();
    ahead.bits_ = hash;
    ahead.Advance();
    return ahead;
  }

  template <typename Visit>
  void ForEach(Visit visit) const {
    ForEachBelow(root(), visit);
  }

  // Replaces the item for which `is_it` is true by what `change` makes of it. `change` gets null if
  // there is none, and may return null for none. It is called exactly once; what it gets has no
  // other owner if no other map shares it, and `hash` is the hash of what it returns.
  void Update(uint32_t hash, absl::FunctionRef<bool(const Item&)> is_it,
              absl::FunctionRef<Ref<Item>(Ref<Item>)> change) {
    Slot slot = root();
    UpdateSlot(&slot, 0, {hash, is_it, change});
    root_ = slot.to;
  }

 private:
  static constexpr int kBits = 6;
  static constexpr uint32_t kMask = 63;
  static constexpr int kMaxDepth = 5;  // Here a branch is a list.

  struct Branch {
    RefCount refs;
    int32_t max_priority;
    uint64_t taken;  // Which slots there are; of a list, how many.

    Slot* slots() { return reinterpret_cast<Slot*>(this + 1); }
    const Slot* slots() const { return reinterpret_cast<const Slot*>(this + 1); }
  };

  struct Request {
    uint32_t hash;
    absl::FunctionRef<bool(const Item&)> is_it;
    absl::FunctionRef<Ref<Item>(Ref<Item>)> change;
  };

  Slot root() const { return {root_, HintOf(root_)}; }

  static Kind KindOf(Slot slot) { return static_cast<Kind>(slot.to & 3); }
  static Branch* AsBranch(Slot slot) { return reinterpret_cast<Branch*>(slot.to & ~uintptr_t{3}); }
  static Item* AsItem(Slot slot) { return reinterpret_cast<Item*>(slot.to); }
  static uint64_t HintOf(uintptr_t to) {
    const Slot slot = {to, 0};
    if (slot.is_empty()) return 0;
    if (KindOf(slot) != kItem) return AsBranch(slot)->taken;
    if constexpr (requires(const Item& item) { item.hint(); }) return AsItem(slot)->hint();
    return 0;
  }
  static Slot FromBranch(Branch* branch, Kind kind) {
    return {reinterpret_cast<uintptr_t>(branch) | kind, branch->taken};
  }
  static Slot FromItem(Ref<Item> item) {
    const auto to = reinterpret_cast<uintptr_t>(item.Release());
    return {to, HintOf(to)};
  }
  static void SetTaken(Slot* branch, uint64_t taken) {
    AsBranch(*branch)->taken = branch->hint = taken;
  }

  static size_t Index(uint32_t hash, int depth) { return (hash >> (depth * kBits)) & kMask; }
  static uint64_t Bit(size_t index) { return uint64_t{1} << index; }
  // As std::popcount(), which is a call unless built for processors that can all do it themselves.
  static size_t CountOnes(uint64_t bits) {
    bits -= (bits >> 1) & 0x5555555555555555u;
    bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (bits * 0x0101010101010101u) >> 56;
  }
  // How many slots stand before the one of this bit.
  static size_t Rank(uint64_t taken, uint64_t bit) { return CountOnes(taken & (bit - 1)); }

  // How many slots a branch has.
  static size_t Size(Slot branch) {
    const uint64_t taken = branch.hint;
    return KindOf(branch) == kList ? static_cast<size_t>(taken) : CountOnes(taken);
  }

  static int32_t MaxPriority(Slot slot) {
    if (slot.is_empty()) return kNoPriority;
    return KindOf(slot) == kItem ? AsItem(slot)->max_priority : AsBranch(slot)->max_priority;
  }

  static void Retain(Slot slot) {
    if (slot.is_empty()) return;
    KindOf(slot) == kItem ? AsItem(slot)->refs.Add() : AsBranch(slot)->refs.Add();
  }
  static void Drop(Slot slot) {
    if (slot.is_empty()) return;
    if (KindOf(slot) == kItem) {
      Ref<Item>::Adopt(AsItem(slot));
      return;
    }
    Branch* branch = AsBranch(slot);
    if (!branch->refs.Drop()) return;
    for (size_t i = 0; i < Size(slot); ++i) Drop(branch->slots()[i]);
    LinePool::Free(branch);
  }

  static Branch* NewBranch(size_t size) {
    return new (LinePool::Allocate(sizeof(Branch) + size * sizeof(Slot)))
        Branch{{}, kNoPriority, 0};
  }

  template <typename IsIt>
  static const Item* FindInList(const Branch& list, IsIt is_it) {
    for (size_t i = 0; i < list.taken; ++i) {
      const Item* item = AsItem(list.slots()[i]);
      if (is_it(*item)) return item;
    }
    return nullptr;
  }

  template <typename Visit>
  static void ForEachBelow(Slot slot, Visit& visit) {
    if (slot.is_empty()) return;
    if (KindOf(slot) == kItem) {
      visit(*AsItem(slot));
      return;
    }
    for (size_t i = 0; i < Size(slot); ++i) ForEachBelow(AsBranch(slot)->slots()[i], visit);
  }

  // Gives a branch up, of which a copy has taken the slots over: they get another owner if others
  // still hold the branch.
  static void Leave(Slot old) {
    Branch* branch = AsBranch(old);
    if (branch->refs.IsOnly()) {
      LinePool::Free(branch);
      return;
    }
    for (size_t i = 0; i < Size(old); ++i) Retain(branch->slots()[i]);
    Drop(old);
  }

  // Makes `*slot` a branch that nobody else has, with room for `room` more slots, which the caller
  // fills.
  static void Own(Slot* slot, size_t room) {
    Branch* branch = AsBranch(*slot);
    if (room == 0 && branch->refs.IsOnly()) return;
    const size_t size = Size(*slot);
    Branch* copy = NewBranch(size + room);
    copy->max_priority = branch->max_priority;
    copy->taken = branch->taken;
    std::copy_n(branch->slots(), size, copy->slots());
    Leave(*slot);
    *slot = FromBranch(copy, KindOf(*slot));
  }

  // Of a branch; an empty slot for none, and for a list.
  static Slot Child(Slot slot, uint32_t bits) {
    const uint64_t bit = Bit(bits & kMask);
    if (KindOf(slot) == kList || (slot.hint & bit) == 0) return {};
    return AsBranch(slot)->slots()[Rank(slot.hint, bit)];
  }

  // What Child() of a branch reads, or the two lines that most items have.
  static void Fetch(Slot slot, uint32_t bits) {
    if (slot.is_empty()) return;
    const auto* begin = reinterpret_cast<const char*>(AsBranch(slot));
    if (KindOf(slot) == kSparse) {
      Prefetch(AsBranch(slot)->slots() + Rank(slot.hint, Bit(bits & kMask)));
    } else {
      Prefetch(begin);
      Prefetch(begin + LinePool::kLine);
    }
  }

  // Where the slot for `index` is, or would be inserted.
  static Slot* Place(Slot branch, size_t index) {
    return AsBranch(branch)->slots() + Rank(branch.hint, Bit(index));
  }

  static void Insert(Slot* slot, size_t index, Slot added) {
    const size_t size = Size(*slot);
    Own(slot, 1);
    Slot* place = Place(*slot, index);
    Branch* branch = AsBranch(*slot);
    std::copy_backward(place, branch->slots() + size, branch->slots() + size + 1);
    *place = added;
    SetTaken(slot, branch->taken | Bit(index));
    branch->max_priority = std::max(branch->max_priority, MaxPriority(added));
  }

  // Takes a slot out that was given away before.
  static void Remove(Slot* slot, size_t index) {
    Slot* place = Place(*slot, index);
    std::copy(place + 1, AsBranch(*slot)->slots() + Size(*slot), place);
    SetTaken(slot, slot->hint & ~Bit(index));
  }

  // A branch for two items whose hashes are alike in all bits above `depth`.
  static Slot Join(Slot one, Slot two, int depth) {
    const size_t one_index = Index(AsItem(one)->hash, depth);
    const size_t two_index = Index(AsItem(two)->hash, depth);
    const bool is_list = depth == kMaxDepth;
    Branch* branch = NewBranch(2);
    branch->max_priority = std::max(MaxPriority(one), MaxPriority(two));
    if (!is_list && one_index == two_index) {
      branch->taken = Bit(one_index);
      branch->slots()[0] = Join(one, two, depth + 1);
      return FromBranch(branch, kSparse);
    }
    branch->taken = is_list ? 2 : Bit(one_index) | Bit(two_index);
    branch->slots()[0] = one_index < two_index ? one : two;
    branch->slots()[1] = one_index < two_index ? two : one;
    return FromBranch(branch, is_list ? kList : kSparse);
  }

  static bool Matches(const Request& request, const Item& item) {
    return item.hash == request.hash && request.is_it(item);
  }

  static void UpdateSlot(Slot* slot, int depth, const Request& request) {
    if (slot->is_empty()) {
      *slot = FromItem(request.change(Ref<Item>()));
    } else if (KindOf(*slot) == kList) {
      UpdateList(slot, request);
    } else if (KindOf(*slot) != kItem) {
      UpdateBranch(slot, depth, request);
    } else if (Matches(request, *AsItem(*slot))) {
      *slot = FromItem(request.change(Ref<Item>::Adopt(AsItem(*slot))));
    } else if (Ref<Item> added = request.change(Ref<Item>())) {
      *slot = Join(*slot, FromItem(std::move(added)), depth);
    }
  }

  static void UpdateBranch(Slot* slot, int depth, const Request& request) {
    const size_t index = Index(request.hash, depth);
    if ((AsBranch(*slot)->taken & Bit(index)) == 0) {
      if (Ref<Item> added = request.change(Ref<Item>())) {
        Insert(slot, index, FromItem(std::move(added)));
      }
      return;
    }
    Own(slot, 0);
    Slot* child = Place(*slot, index);
    const int32_t before = MaxPriority(*child);
    UpdateSlot(child, depth + 1, request);
    const int32_t after = MaxPriority(*child);
    if (child->is_empty()) Remove(slot, index);
    Settle(slot, before, after);
  }

  static void UpdateList(Slot* slot, const Request& request) {
    const size_t size = Size(*slot);
    const Slot* slots = AsBranch(*slot)->slots();
    size_t at = 0;
    while (at < size && !Matches(request, *AsItem(slots[at]))) ++at;
    if (at == size) {
      Ref<Item> added = request.change(Ref<Item>());
      if (!added) return;
      Own(slot, 1);
      Branch* list = AsBranch(*slot);
      list->max_priority = std::max(list->max_priority, added->max_priority);
      list->slots()[size] = FromItem(std::move(added));
      SetTaken(slot, size + 1);
      return;
    }
    Own(slot, 0);
    Branch* list = AsBranch(*slot);
    Slot* item = &list->slots()[at];
    const int32_t before = MaxPriority(*item);
    *item = FromItem(request.change(Ref<Item>::Adopt(AsItem(*item))));
    const int32_t after = MaxPriority(*item);
    if (item->is_empty()) {
      *item = list->slots()[size - 1];
      SetTaken(slot, size - 1);
    }
    Settle(slot, before, after);
  }

  // After the highest priority below one slot of `*slot` went from `before` to `after`: brings the
  // branch's own up to date, and puts an item that is alone in the branch's place.
  static void Settle(Slot* slot, int32_t before, int32_t after) {
    Branch* branch = AsBranch(*slot);
    const size_t size = Size(*slot);
    if (size == 1 && KindOf(branch->slots()[0]) == kItem) {
      *slot = branch->slots()[0];
      LinePool::Free(branch);
      return;
    }
    const int32_t bound = branch->max_priority;
    if (after < bound && before < bound) return;
    int32_t highest = after;
    // Usually the first slot reaches the bound, and the others are not touched.
    for (size_t i = 0; i < size && highest < bound; ++i) {
      highest = std::max(highest, MaxPriority(branch->slots()[i]));
    }
    branch->max_priority = highest;
  }

  uintptr_t root_ = 0;  // The first slot without its hint.
};

}  // namespace sluice::match
