#include "proxy/http/h2/session_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace sluice::http::h2 {
namespace {

// Kept of each size for the next streams; and what is given back at once, so that a turn is short.
constexpr size_t kKept = 256;
constexpr size_t kTrimAtOnce = 4096;

}  // namespace

SessionMemory::SessionMemory() {
  functions_.mem_user_data = this;
  functions_.malloc = [](size_t bytes, void* self) {
    return static_cast<SessionMemory*>(self)->Allocate(bytes);
  };
  functions_.free = [](void* memory, void* self) {
    static_cast<SessionMemory*>(self)->Return(memory);
  };
  functions_.calloc = [](size_t count, size_t bytes, void* self) {
    // nghttp2 multiplies sizes of its own structures only: no overflow.
    void* memory = static_cast<SessionMemory*>(self)->Allocate(count * bytes);
    std::memset(memory, 0, count * bytes);
    return memory;
  };
  functions_.realloc = [](void* memory, size_t bytes, void* self) {
    return static_cast<SessionMemory*>(self)->Resize(memory, bytes);
  };
}

SessionMemory::~SessionMemory() { Release(); }

void SessionMemory::Release() {
  for (FreeList& list : free_) Drop(list, list.count);
}

void SessionMemory::Trim() {
  for (FreeList& list : free_) {
    const size_t excess = list.least <= kKept ? 0 : (list.least - kKept + 1) / 2;
    Drop(list, std::min(excess, kTrimAtOnce));
    list.least = list.count;
  }
}

void SessionMemory::Drop(FreeList& list, size_t count) {
  for (; count > 0; --count) {
    Piece* const piece = reinterpret_cast<Piece*>(list.head) - 1;
    Take(list, piece->bytes);
    std::free(piece);
  }
}

SessionMemory::Free* SessionMemory::Take(FreeList& list, size_t bytes) {
  Free* const piece = list.head;
  list.head = piece->next;
  list.least = std::min(list.least, --list.count);
  idle_bytes_ -= bytes;
  return piece;
}

void* SessionMemory::Allocate(size_t bytes) {
  size_t size_class = 0;
  size_t size = kSmallest;
  while (size_class < kClasses && size < bytes) {
    size *= 2;
    ++size_class;
  }
  if (size_class == kClasses) size = bytes;
  if (size_class < kClasses && free_[size_class].head != nullptr) {
    return Take(free_[size_class], size);
  }
  auto* piece = static_cast<Piece*>(std::malloc(sizeof(Piece) + size));
  if (piece == nullptr) throw std::bad_alloc();
  piece->bytes = size;
  piece->size_class = size_class;
  return piece + 1;
}

void SessionMemory::Return(void* memory) {
  if (memory == nullptr) return;
  Piece* piece = static_cast<Piece*>(memory) - 1;
  if (piece->size_class == kClasses) return std::free(piece);
  FreeList& list = free_[piece->size_class];
  auto* free = static_cast<Free*>(memory);
  free->next = list.head;
  list.head = free;
  ++list.count;
  idle_bytes_ += piece->bytes;
}

void* SessionMemory::Resize(void* memory, size_t bytes) {
  if (memory == nullptr) return Allocate(bytes);
  const size_t had = (static_cast<Piece*>(memory) - 1)->bytes;
  if (bytes <= had) return memory;
  void* larger = Allocate(bytes);
  std::memcpy(larger, memory, had);
  Return(memory);
  return larger;
}

}  // namespace sluice::http::h2
