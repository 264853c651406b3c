// An immutable hash map that a change copies along one path.
//
// A hash array mapped trie: each level takes six bits of the hash, so a map of 100 000 items is
// three or four pointers deep, and a change copies at most that many branches of 64 pointers.
// Branches hold only the slots that are taken. Items whose 30 bits are all alike share a branch
// that is a plain list.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/numeric/bits.h"
#include "api/match/ref.h"

namespace sluice::match {

// A map of `Item`s, which know their own key. An Item has members `RefCount refs` and
// `uint32_t hash`, `static void Destroy(Item*)`, and `int32_t max_priority`, of which the trie
// keeps the highest.
//
// Thread: any may read while another copies it or updates a copy; readers touch no count.
// Ownership: shares its items with its copies.
template <typename Item>
class HashTrie {
 public:
  static constexpr int32_t kNoPriority = std::numeric_limits<int32_t>::min();

  HashTrie() = default;
  HashTrie(const HashTrie& other) : root_(other.root_) { Retain(root_); }
  HashTrie(HashTrie&& other) noexcept : root_(std::exchange(other.root_, 0)) {}
  HashTrie& operator=(HashTrie other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~HashTrie() { Drop(root_); }

  bool empty() const { return root_ == 0; }

  // The only item, or null if there are none or several.
  Item* only() const { return IsBranch(root_) ? nullptr : AsItem(root_); }

  // The highest of its items, kNoPriority if it is empty.
  int32_t max_priority() const { return root_ == 0 ? kNoPriority : MaxPriority(root_); }

  // The item for which `is_it(item)` is true, of those with this hash; null if there is none.
  template <typename IsIt>
  const Item* Find(uint32_t hash, IsIt is_it) const {
    Slot slot = root_;
    for (int depth = 0; IsBranch(slot); ++depth) {
      const Branch* branch = AsBranch(slot);
      if (depth == kMaxDepth) return FindInList(*branch, is_it);
      const uint64_t bit = Bit(hash, depth);
      if ((branch->taken & bit) == 0) return nullptr;
      slot = branch->slots()[branch->Rank(bit)];
    }
    const Item* item = AsItem(slot);
    return item != nullptr && is_it(*item) ? item : nullptr;
  }

  template <typename Visit>
  void ForEach(Visit visit) const {
    ForEachBelow(root_, visit);
  }

  // Replaces the item for which `is_it` is true by what `change` makes of it. `change` gets null if
  // there is none, and may return null for none. It is called exactly once; what it gets has no
  // other owner if no other map shares it, and `hash` is the hash of what it returns.
  void Update(uint32_t hash, absl::FunctionRef<bool(const Item&)> is_it,
              absl::FunctionRef<Ref<Item>(Ref<Item>)> change) {
    UpdateSlot(&root_, 0, {hash, is_it, change});
  }

 private:
  // An item, or a branch, whose lowest bit is set; 0 is neither.
  using Slot = uintptr_t;
  static constexpr int kBits = 6;
  static constexpr int kMaxDepth = 5;  // From here on a branch is a list.

  struct Branch {
    RefCount refs;
    int32_t max_priority;
    uint64_t taken;  // Which slots there are; of a list, how many.

    Slot* slots() { return reinterpret_cast<Slot*>(this + 1); }
    const Slot* slots() const { return reinterpret_cast<const Slot*>(this + 1); }
    size_t Rank(uint64_t bit) const {
      return static_cast<size_t>(absl::popcount(taken & (bit - 1)));
    }
  };

  struct Request {
    uint32_t hash;
    absl::FunctionRef<bool(const Item&)> is_it;
    absl::FunctionRef<Ref<Item>(Ref<Item>)> change;
  };

  static bool IsBranch(Slot slot) { return (slot & 1) != 0; }
  static Branch* AsBranch(Slot slot) { return reinterpret_cast<Branch*>(slot - 1); }
  static Item* AsItem(Slot slot) { return reinterpret_cast<Item*>(slot); }
  static Slot FromBranch(Branch* branch) { return reinterpret_cast<Slot>(branch) + 1; }
  static Slot FromItem(Ref<Item> item) { return reinterpret_cast<Slot>(item.Release()); }
  static uint64_t Bit(uint32_t hash, int depth) {
    return uint64_t{1} << ((hash >> (depth * kBits)) & 63);
  }
  static size_t Count(const Branch& branch, int depth) {
    return static_cast<size_t>(depth == kMaxDepth ? branch.taken : absl::popcount(branch.taken));
  }
  static int32_t MaxPriority(Slot slot) {
    return IsBranch(slot) ? AsBranch(slot)->max_priority : AsItem(slot)->max_priority;
  }

  // Depth matters only to tell a list, so a branch must be dropped at the depth where it stands.
  static void Retain(Slot slot) {
    if (slot == 0) return;
    IsBranch(slot) ? AsBranch(slot)->refs.Add() : AsItem(slot)->refs.Add();
  }
  static void Drop(Slot slot, int depth = 0) {
    if (slot == 0) return;
    if (!IsBranch(slot)) {
      Ref<Item>::Adopt(AsItem(slot));
      return;
    }
    Branch* branch = AsBranch(slot);
    if (!branch->refs.Drop()) return;
    for (size_t i = 0; i < Count(*branch, depth); ++i) Drop(branch->slots()[i], depth + 1);
    std::free(branch);
  }

  static Branch* NewBranch(size_t count) {
    void* memory = std::malloc(sizeof(Branch) + count * sizeof(Slot));
    if (memory == nullptr) std::abort();
    return new (memory) Branch{{}, kNoPriority, 0};
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
  static void ForEachBelow(Slot slot, Visit& visit, int depth = 0) {
    if (slot == 0) return;
    if (!IsBranch(slot)) {
      visit(*AsItem(slot));
      return;
    }
    const Branch* branch = AsBranch(slot);
    for (size_t i = 0; i < Count(*branch, depth); ++i) {
      ForEachBelow(branch->slots()[i], visit, depth + 1);
    }
  }

  static void FreeBranch(Branch* branch) { std::free(branch); }

  // This branch, or a copy if somebody else has it too or `room` more slots are needed, which the
  // caller fills.
  static Branch* Owned(Branch* branch, int depth, size_t room) {
    const bool is_only = branch->refs.IsOnly();
    if (is_only && room == 0) return branch;
    const size_t count = Count(*branch, depth);
    Branch* copy = NewBranch(count + room);
    copy->max_priority = branch->max_priority;
    copy->taken = branch->taken;
    std::copy_n(branch->slots(), count, copy->slots());
    if (is_only) {
      FreeBranch(branch);
      return copy;
    }
    for (size_t i = 0; i < count; ++i) Retain(copy->slots()[i]);
    Drop(FromBranch(branch), depth);
    return copy;
  }

  static void InsertAt(Branch* branch, size_t count, size_t at, Slot slot) {
    std::copy_backward(branch->slots() + at, branch->slots() + count, branch->slots() + count + 1);
    branch->slots()[at] = slot;
    branch->max_priority = std::max(branch->max_priority, MaxPriority(slot));
  }

  // The slot itself was given away before.
  static void RemoveAt(Branch* branch, size_t count, size_t at) {
    std::copy(branch->slots() + at + 1, branch->slots() + count, branch->slots() + at);
  }

  // A branch for two items whose hashes are alike in all bits above `depth`.
  static Branch* Join(Slot one, Slot two, int depth) {
    const uint64_t one_bit = Bit(AsItem(one)->hash, depth);
    const uint64_t two_bit = Bit(AsItem(two)->hash, depth);
    const bool is_list = depth == kMaxDepth;
    Branch* branch = NewBranch(2);
    branch->max_priority = std::max(MaxPriority(one), MaxPriority(two));
    if (!is_list && one_bit == two_bit) {
      branch->taken = one_bit;
      branch->slots()[0] = FromBranch(Join(one, two, depth + 1));
      return branch;
    }
    branch->taken = is_list ? 2 : one_bit | two_bit;
    branch->slots()[0] = one_bit < two_bit ? one : two;
    branch->slots()[1] = one_bit < two_bit ? two : one;
    return branch;
  }

  static bool Matches(const Request& request, const Item& item) {
    return item.hash == request.hash && request.is_it(item);
  }

  static void UpdateSlot(Slot* slot, int depth, const Request& request) {
    if (*slot == 0) {
      *slot = FromItem(request.change(Ref<Item>()));
    } else if (IsBranch(*slot)) {
      depth == kMaxDepth ? UpdateList(slot, request) : UpdateBranch(slot, depth, request);
    } else if (Matches(request, *AsItem(*slot))) {
      *slot = FromItem(request.change(Ref<Item>::Adopt(AsItem(*slot))));
    } else if (Ref<Item> added = request.change(Ref<Item>())) {
      *slot = FromBranch(Join(*slot, FromItem(std::move(added)), depth));
    }
  }

  static void UpdateBranch(Slot* slot, int depth, const Request& request) {
    Branch* branch = AsBranch(*slot);
    const uint64_t bit = Bit(request.hash, depth);
    const size_t at = branch->Rank(bit);
    const size_t count = Count(*branch, depth);
    if ((branch->taken & bit) == 0) {
      Ref<Item> added = request.change(Ref<Item>());
      if (!added) return;
      branch = Owned(branch, depth, 1);
      InsertAt(branch, count, at, FromItem(std::move(added)));
      branch->taken |= bit;
      *slot = FromBranch(branch);
      return;
    }
    branch = Owned(branch, depth, 0);
    *slot = FromBranch(branch);
    Slot* child = &branch->slots()[at];
    const int32_t before = MaxPriority(*child);
    UpdateSlot(child, depth + 1, request);
    const int32_t after = *child == 0 ? kNoPriority : MaxPriority(*child);
    if (*child == 0) {
      RemoveAt(branch, count, at);
      branch->taken &= ~bit;
    }
    Settle(slot, depth, before, after);
  }

  static void UpdateList(Slot* slot, const Request& request) {
    Branch* list = AsBranch(*slot);
    const size_t count = list->taken;
    size_t at = 0;
    while (at < count && !Matches(request, *AsItem(list->slots()[at]))) ++at;
    if (at == count) {
      Ref<Item> added = request.change(Ref<Item>());
      if (!added) return;
      list = Owned(list, kMaxDepth, 1);
      InsertAt(list, count, at, FromItem(std::move(added)));
      ++list->taken;
      *slot = FromBranch(list);
      return;
    }
    list = Owned(list, kMaxDepth, 0);
    *slot = FromBranch(list);
    Slot* item = &list->slots()[at];
    const int32_t before = MaxPriority(*item);
    *item = FromItem(request.change(Ref<Item>::Adopt(AsItem(*item))));
    const int32_t after = *item == 0 ? kNoPriority : MaxPriority(*item);
    if (*item == 0) {
      RemoveAt(list, count, at);
      --list->taken;
    }
    Settle(slot, kMaxDepth, before, after);
  }

  // After the highest priority below one slot of `*slot` went from `before` to `after`: brings the
  // branch's own up to date, and puts an item that is alone in the branch's place.
  static void Settle(Slot* slot, int depth, int32_t before, int32_t after) {
    Branch* branch = AsBranch(*slot);
    const size_t count = Count(*branch, depth);
    if (count == 1 && !IsBranch(branch->slots()[0])) {
      *slot = branch->slots()[0];
      FreeBranch(branch);
      return;
    }
    const int32_t bound = branch->max_priority;
    if (after < bound && before < bound) return;
    int32_t highest = after;
    // Usually the first slot reaches the bound, and the others are not touched.
    for (size_t i = 0; i < count && highest < bound; ++i) {
      highest = std::max(highest, MaxPriority(branch->slots()[i]));
    }
    branch->max_priority = highest;
  }

  Slot root_ = 0;
};

}  // namespace sluice::match
