// Bump memory of one request: everything that dies with it.
//
// Starts in memory that its owner brings (the exchange's own block) and goes on in blocks of the
// worker's pool. Nothing is freed before the arena is; destructors are not run.
//
// Thread: one worker's.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <new>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/append.h"
#include "proxy/net/buffer.h"

namespace sluice::http {

class Arena {
 public:
  Arena(net::BlockPool& pool, char* begin, char* end) : pool_(pool), pos_(begin), end_(end) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    while (blocks_ != nullptr) {
      net::BlockRef block(blocks_->block);
      blocks_ = blocks_->next;
    }
  }

  // Aligned to 8 bytes unless `align` says more; never null.
  char* Allocate(size_t bytes, size_t align = 8) {
    char* start = Align(pos_, align);
    if (static_cast<size_t>(end_ - pos_) < bytes + static_cast<size_t>(start - pos_)) {
      start = Grow(bytes, align);
    }
    pos_ = start + bytes;
    return start;
  }

  template <typename T, typename... Args>
  T* New(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>, "the arena runs no destructors");
    return new (Allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }

  // One behind the other, in memory that lives as long as the request.
  absl::string_view Join(std::initializer_list<absl::string_view> parts) {
    size_t size = 0;
    for (const absl::string_view part : parts) size += part.size();
    char* const out = Allocate(size, 1);
    char* end = out;
    for (const absl::string_view part : parts) end = Append(part, end);
    return absl::string_view(out, size);
  }

  // A copy that lives as long as the request.
  absl::string_view Copy(absl::string_view text) {
    char* out = Allocate(text.size(), 1);
    Append(text, out);
    return absl::string_view(out, text.size());
  }

  net::BlockPool& pool() { return pool_; }

 private:
  struct Link {
    Link* next;
    net::Block* block;
  };

  static char* Align(char* p, size_t align) {
    return reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(p) + align - 1) & ~(align - 1));
  }

  char* Grow(size_t bytes, size_t align) {
    net::Block* block = pool_.TakeAtLeast(bytes + align + sizeof(Link)).release();
    auto* link = new (block->data()) Link{blocks_, block};
    blocks_ = link;
    pos_ = block->data() + sizeof(Link);
    end_ = block->data() + block->capacity;
    return Align(pos_, align);
  }

  net::BlockPool& pool_;
  char* pos_;
  char* end_;
  Link* blocks_ = nullptr;
};

}  // namespace sluice::http
