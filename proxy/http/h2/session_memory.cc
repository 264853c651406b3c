#include "proxy/http/h2/session_memory.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace sluice::http::h2 {

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

SessionMemory::~SessionMemory() {
  for (Free*& head : free_) {
    while (head != nullptr) {
      Free* next = head->next;
      std::free(reinterpret_cast<Piece*>(head) - 1);
      head = next;
    }
  }
}

void* SessionMemory::Allocate(size_t bytes) {
  size_t size_class = 0;
  size_t size = kSmallest;
  while (size_class < kClasses && size < bytes) {
    size *= 2;
    ++size_class;
  }
  if (size_class == kClasses) size = bytes;
  if (size_class < kClasses && free_[size_class] != nullptr) {
    Free* piece = free_[size_class];
    free_[size_class] = piece->next;
    return piece;
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
  auto* free = static_cast<Free*>(memory);
  free->next = free_[piece->size_class];
  free_[piece->size_class] = free;
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
