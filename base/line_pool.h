// Memory for the parts of a configuration of which there can be hundreds of thousands, while each
// request touches a few at random: nodes of route tables, compiled routes, counters.
//
// What such a request waits for is memory, not instructions. So objects begin at a line of the
// cache, share no line with others, and lie in chunks of 2 MiB that the kernel is asked to map as
// one huge page each: else every object costs a walk of the page tables beside its own miss. The
// first chunk of each size is left on small pages until half of it is used, so that a small
// configuration stays small.
//
// Each chunk holds objects of one size, a multiple of 64 bytes. Freed memory is kept for objects of
// that size and not given back to the kernel. Sizes above kMaxPooled go to the general heap, and
// with AddressSanitizer all do.
//
// Thread: any. Takes a lock, like the general heap: not for the request path in steady state.
#pragma once

#include <cstddef>
#include <new>

namespace sluice {

class LinePool {
 public:
  static constexpr size_t kLine = 64;
  static constexpr size_t kMaxPooled = 2048;

  // At a multiple of kLine. Ends the process if there is no memory.
  static void* Allocate(size_t size);
  // What Allocate() gave; null is ignored.
  static void Free(void* memory);
};

// For std::allocate_shared() and containers.
template <typename T>
struct LineAllocator {
  using value_type = T;

  LineAllocator() = default;
  template <typename Other>
  LineAllocator(const LineAllocator<Other>&) {}

  T* allocate(size_t count) {
    static_assert(alignof(T) <= LinePool::kLine);
    return static_cast<T*>(LinePool::Allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, size_t) { LinePool::Free(memory); }

  friend bool operator==(const LineAllocator&, const LineAllocator&) { return true; }
};

}  // namespace sluice
