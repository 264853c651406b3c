// What was read of a connection and could not be used yet: part of a head, or what waits behind a
// body that is paused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/types/span.h"
#include "proxy/net/buffer.h"

namespace sluice::http::h1 {

// Ownership: of its block; one without input has none.
// Thread: the worker's.
class PendingInput {
 public:
  struct Range {
    net::BlockRef block;
    const char* begin;
    const char* end;
  };

  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  const char* data() const { return block_->data() + begin_; }
  // Bytes of memory.
  size_t held_bytes() const { return block_ ? block_->capacity : 0; }

  // Copies [begin, end), which may lie in a block taken from here, with room for as much as makes
  // `capacity` bytes.
  void Keep(net::BlockPool& pool, const char* begin, const char* end, size_t capacity) {
    const auto size = static_cast<size_t>(end - begin);
    block_ = pool.TakeAtLeast(capacity);
    block_->used = block_->capacity;
    std::memcpy(block_->data(), begin, size);
    begin_ = 0;
    end_ = static_cast<uint32_t>(size);
  }

  // All of it, which is no longer pending.
  Range Take() {
    const char* const data = block_->data();
    return {std::move(block_), data + std::exchange(begin_, 0), data + std::exchange(end_, 0)};
  }

  // Where more can be read behind it, at least a byte.
  absl::Span<char> Room(net::BlockPool& pool) {
    if (end_ == block_->capacity) {
      const net::BlockRef full = std::move(block_);
      Keep(pool, full->data() + begin_, full->data() + end_, 2 * size());
    }
    return {block_->data() + end_, block_->capacity - end_};
  }
  // So much was.
  void Add(size_t bytes) { end_ += static_cast<uint32_t>(bytes); }

  void Clear() {
    block_.Reset();
    begin_ = end_ = 0;
  }

 private:
  net::BlockRef block_;
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
};

}  // namespace sluice::http::h1
