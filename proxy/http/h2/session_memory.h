// Memory for one nghttp2 session: freed pieces are kept for the next stream.
//
// nghttp2 allocates about eight small objects a stream. From the general heap that would be the
// only such allocation of a request in steady state.
//
// Thread: one. Lifetime: outlives the session.
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

  void* Allocate(size_t bytes);
  void Return(void* memory);
  void* Resize(void* memory, size_t bytes);

  nghttp2_mem functions_;
  std::array<Free*, kClasses> free_{};
};

}  // namespace sluice::http::h2
