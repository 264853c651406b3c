// Fetching memory into the processor's cache before it is waited for.
//
// The compiler's own __builtin_prefetch() is not enough: GCC 12 takes a function that does nothing
// else for one without effect, and drops the calls of it that it does not inline.
#pragma once

namespace sluice {

// The line of the cache that holds `address`, which may be anything: nothing is read.
inline void Prefetch(const void* address) {
  __builtin_prefetch(address);
  // An effect, without an instruction.
  asm volatile("");
}

// The same, to be written.
inline void PrefetchForWrite(const void* address) {
  __builtin_prefetch(address, 1);
  asm volatile("");
}

}  // namespace sluice
