// Memory for bytes in flight: reference-counted blocks from a per-worker pool, and queues of slices
// of them.
//
// What is read from a socket lands in a block; the codec hands on slices; the other side's socket
// writes those same bytes. Nothing is copied but small pieces of large blocks, so that a byte that
// waits does not hold 64 KiB.
//
// Bytes that nobody looks at need not come here at all: they lie in a pipe of the kernel, which
// takes the place of a block. They count and keep their order like others, and that is all that can
// be done with them until they go to a socket (docs/decisions/spliced-bodies.md).
//
// Thread: one worker's, counts included: blocks never cross threads. But AllowFromAnyThread() and
// lent_bytes() are anybody's.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/net/pipe.h"

namespace sluice::net {

class BlockPool;

// Header of a block; the bytes follow it, or the pipe that they are in.
struct Block {
  BlockPool* pool;
  uint32_t references;
  uint32_t capacity;
  // How much of it has been written, by the one who fills it from the front.
  uint32_t used;
  uint8_t size_class;

  static constexpr uint8_t kPipeClass = 0xff;
  bool is_pipe() const { return size_class == kPipeClass; }
  char* data() { return reinterpret_cast<char*>(this + 1); }
  Pipe& pipe() { return *reinterpret_cast<Pipe*>(this + 1); }
};

// Owns one reference to a block.
class BlockRef {
 public:
  BlockRef() = default;
  // Takes over a reference.
  explicit BlockRef(Block* block) : block_(block) {}
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef() { Reset(); }

  void Reset();
  BlockRef Share() const {
    ++block_->references;
    return BlockRef(block_);
  }
  bool is_shared() const { return block_->references > 1; }
  explicit operator bool() const { return block_ != nullptr; }
  Block* get() const { return block_; }
  Block* operator->() const { return block_; }
  Block* release() { return std::exchange(block_, nullptr); }

 private:
  Block* block_ = nullptr;
};

enum class BlockSize : uint8_t { k4K, k16K, k64K };

// Lends blocks and keeps returned ones for reuse, most recently used first.
//
// `budget_bytes` bounds what is lent. Take() never fails, so that no error path exists in the
// middle of a message. Instead, whoever queues asks is_tight() how much may wait; whoever starts
// something asks is_exhausted() first, and sheds; and the Watcher ends what is under way.
class BlockPool {
 public:
  // Told, within Take(), that the budget is spent; again only after it was not. Gives nothing back
  // before it returns.
  class Watcher {
   public:
    virtual void OnExhausted() = 0;
    // Told, within Take(), that all is lent that AllowFromAnyThread() allowed; once for each call
    // of that.
    virtual void OnAllowanceSpent() {}

   protected:
    ~Watcher() = default;
  };

  explicit BlockPool(size_t budget_bytes) : budget_bytes_(budget_bytes) {}
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  BlockRef Take(BlockSize size);
  // The smallest block of at least `bytes`; larger than 64 KiB ones are not pooled.
  BlockRef TakeAtLeast(size_t bytes);

  // An empty pipe in place of a block. Null if kMaxPipes are lent, or for up to a second after the
  // kernel gave none, or RefusePipes(). To be filled once, for one buffer; from then on the budget
  // counts what was in it. One that returns before all of it was sent is closed.
  BlockRef TakePipe();
  // Pipes do not work here.
  void RefusePipes() { refuses_pipes_ = true; }
  // Those that move bytes return them in the same turn, and a loop flushes before so many wait:
  // only transfers that stand could use more.
  static constexpr size_t kMaxPipes = 64;
  size_t open_pipes() const { return open_pipes_; }

  void Watch(Watcher* watcher) { watcher_ = watcher; }

  // Half of the budget is lent, or all that is allowed: queues should be short.
  bool is_tight() const {
    return is_kept_tight_ || lent_bytes() >= budget_bytes_ / 2 || is_allowance_spent();
  }
  // The process is short of memory: as if half were lent.
  void KeepTight(bool is_kept_tight) { is_kept_tight_ = is_kept_tight; }
  // So much more than now may be lent until the next call, for whoever looks at the memory of the
  // whole process from time to time. No bound before the first.
  void AllowFromAnyThread(size_t more_bytes) {
    allowed_bytes_.store(lent_bytes() + more_bytes, std::memory_order_relaxed);
    has_told_allowance_.store(false, std::memory_order_relaxed);
  }
  bool is_exhausted() const { return lent_bytes() >= budget_bytes_; }
  size_t budget_bytes() const { return budget_bytes_; }
  size_t lent_bytes() const { return lent_bytes_.load(std::memory_order_relaxed); }

  // Gives back to the heap half of what was not used since the last call, but for what the next
  // few requests will need. Call once a second.
  void Trim();
  // Gives back to the heap all that is not lent.
  void Release();

 private:
  friend class BlockRef;
  friend class Buffer;
  static constexpr int kClasses = 3;
  static constexpr uint8_t kUnpooled = kClasses;
  struct FreeList {
    std::vector<Block*> blocks;
    size_t least = 0;  // Fewest that lay here since the last Trim().
  };

  Block* Allocate(size_t bytes, uint8_t size_class);
  BlockRef Lend(Block* block);
  // Counts `block`, which is lent.
  void Charge(const Block& block);
  void Return(Block* block);
  void ClosePipe(Block* block);
  // Gives back half of what `list` had in excess of `kept` since the last call.
  template <typename Free>
  static void Trim(FreeList& list, size_t kept, Free free);

  bool is_allowance_spent() const {
    return lent_bytes() >= allowed_bytes_.load(std::memory_order_relaxed);
  }
  // Only the loop's thread writes it: no read-modify-write.
  void AddLent(size_t difference) {
    lent_bytes_.store(lent_bytes() + difference, std::memory_order_relaxed);
  }

  const size_t budget_bytes_;
  std::atomic<size_t> lent_bytes_{0};
  std::atomic<size_t> allowed_bytes_{SIZE_MAX};
  std::atomic<bool> has_told_allowance_{false};
  Watcher* watcher_ = nullptr;
  bool has_told_ = false;
  bool is_kept_tight_ = false;
  FreeList free_[kClasses];
  FreeList free_pipes_;
  size_t open_pipes_ = 0;  // Lent or free.
  bool refuses_pipes_ = false;
};

inline void BlockRef::Reset() {
  if (block_ == nullptr) return;
  Block* block = std::exchange(block_, nullptr);
  if (--block->references == 0) block->pool->Return(block);
}

// A queue of bytes: slices of blocks, first in, first out.
//
// Of bytes in a pipe nothing can be read, copied or shared: who asks for such buffers passes them
// on whole, to a connection that is not encrypted.
//
// Movable. Moving from one leaves it empty.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { Swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Swap(other);
    return *this;
  }
  ~Buffer();

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Appends bytes [begin, end) of `block` without copying, or a copy of them if they are too few to
  // hold the block for (below an eighth of it).
  void Append(const BlockRef& block, const char* begin, const char* end);
  // As above, but never copies: for small pieces that fill a block together.
  void AppendSlice(const BlockRef& block, const char* begin, const char* end);
  // Moves all of `other` to the end. No byte is copied.
  void Append(Buffer&& other);
  // Moves the first `bytes` of `other` to the end.
  void AppendFront(Buffer& other, size_t bytes);
  // Copies into a block of `pool`.
  void AppendCopy(BlockPool& pool, absl::string_view bytes);
  // Shares bytes [offset, offset + bytes) of `other`, which keeps them.
  void AppendShared(const Buffer& other, size_t offset, size_t bytes);
  // All that is in a pipe of TakePipe().
  void AppendPipe(BlockRef&& pipe);

  // Room for at least `bytes` at the end, contiguous with nothing guaranteed before it. Commit()
  // says how many were written. No other call in between.
  char* Reserve(BlockPool& pool, size_t bytes);
  void Commit(size_t bytes);

  // Removes from the front. At most size().
  void Drain(size_t bytes);
  void Clear() { Drain(size_); }

  // Describes the front, up to the first pipe, for a gathering write; returns how many were filled.
  int Gather(iovec* out, int max) const;
  // Sends of the pipe that is in front, and drains that, as Pipe::EmptyInto(). Where Gather() fills
  // none of a buffer that is not empty.
  ssize_t SendFrontPipe(int socket);
  // The first slice; empty if the buffer is.
  absl::string_view Front() const;
  // Copies the whole content out: for tests and small control data.
  std::string ToString() const;

  // Calls `f(absl::string_view)` for each slice in order.
  template <typename F>
  void ForEach(F f) const {
    for (uint32_t i = 0; i < count_; ++i) {
      f(ViewOf(At(i)));
    }
  }

 private:
  struct Slice {
    Block* block;
    uint32_t begin;
    uint32_t end;
  };
  static constexpr uint32_t kInline = 2;

  static absl::string_view ViewOf(const Slice& slice) {
    if (slice.block->is_pipe()) [[unlikely]]
      DieOfPipe();
    return absl::string_view(slice.block->data() + slice.begin, slice.end - slice.begin);
  }
  // Somebody looks at bytes that are not there: going on would send memory of ours in their place.
  [[noreturn]] static void DieOfPipe();

  Slice* slices() { return heap_ != nullptr ? heap_ : inline_; }
  const Slice* slices() const { return heap_ != nullptr ? heap_ : inline_; }
  Slice& At(uint32_t i) { return slices()[(head_ + i) & (capacity_ - 1)]; }
  const Slice& At(uint32_t i) const { return slices()[(head_ + i) & (capacity_ - 1)]; }
  void Push(Block* block, uint32_t begin, uint32_t end);
  void PopFront();
  // An empty queue holds no memory: connections idle with theirs.
  void ShrinkToInline();
  void Swap(Buffer& other);

  Slice inline_[kInline];
  Slice* heap_ = nullptr;
  uint32_t capacity_ = kInline;  // A power of two.
  uint32_t head_ = 0;
  uint32_t count_ = 0;
  size_t size_ = 0;
};

}  // namespace sluice::net
