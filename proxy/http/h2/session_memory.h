// Memory for nghttp2's sessions: freed pieces are kept for the next stream.
//
// nghttp2 allocates about eight small objects a stream. From the general heap that would be the
// only such allocation of a request in steady state.
//
// Thread: one. Lifetime: outlives the sessions.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>

namespace sluice::http::h2 {

class SessionMemory {
 public:
  SessionMemory();
  ~SessionMemory();
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  // For nghttp2_session_*_new3(), which copies it.
  nghttp2_mem* functions() { return &functions_; }

  // What is kept for later.
  size_t idle_bytes() const { return idle_bytes_; }
  // Gives back to the heap half of what was not used since the last call, but for what a few
  // streams will need: a burst must not hold memory for ever. Call once a second.
  void Trim();
  // Gives back to the heap all that is idle.
  void Release();

 private:
  // Sizes 32, 64 ... 2048; larger pieces are the heap's.
  static constexpr size_t kClasses = 7;
  static constexpr size_t kSmallest = 32;

  // Before each piece. A free piece's `next` lies in it.
  struct alignas(16) Piece {
    size_t bytes;  // That the caller may use.
    size_t size_class;
  };
  struct Free {
    Free* next;
  };
  struct FreeList {
    Free* head = nullptr;
    size_t count = 0;
    size_t least = 0;  // Fewest that lay here since the last Trim().
  };

  void* Allocate(size_t bytes);
  void Return(void* memory);
  void* Resize(void* memory, size_t bytes);
  // The first of a list that is not empty.
  Free* Take(FreeList& list, size_t bytes);
  void Drop(FreeList& list, size_t count);

  nghttp2_mem functions_;
  std::array<FreeList, kClasses> free_{};
  size_t idle_bytes_ = 0;
};

}  // namespace sluice::http::h2
