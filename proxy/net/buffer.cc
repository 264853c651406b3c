#include "proxy/net/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/log.h"

namespace sluice::net {
namespace {

constexpr size_t kClassBytes[] = {4096, 16384, 65536};
// Kept for the next burst, of each class: 64 KiB.
constexpr size_t kKeptBytes = 65536;
constexpr size_t kKeptPipes = 1;
static_assert(alignof(Pipe) <= alignof(Block), "a pipe follows a header");

}  // namespace

BlockPool::~BlockPool() { Release(); }

void BlockPool::Release() {
  for (FreeList& list : free_) {
    for (Block* block : list.blocks) std::free(block);
    list.blocks.clear();
    list.least = 0;
  }
  for (Block* block : free_pipes_.blocks) ClosePipe(block);
  free_pipes_ = {};
}

Block* BlockPool::Allocate(size_t bytes, uint8_t size_class) {
  // Sizes are of the whole allocation, so that a class fills whole pages.
  auto* block = static_cast<Block*>(std::malloc(bytes));
  if (block == nullptr) throw std::bad_alloc();
  block->pool = this;
  block->capacity = static_cast<uint32_t>(bytes - sizeof(Block));
  block->size_class = size_class;
  return block;
}

BlockRef BlockPool::Take(BlockSize size) {
  const auto size_class = static_cast<uint8_t>(size);
  FreeList& list = free_[size_class];
  Block* block;
  if (!list.blocks.empty()) {
    block = list.blocks.back();
    list.blocks.pop_back();
    list.least = std::min(list.least, list.blocks.size());
  } else {
    block = Allocate(kClassBytes[size_class], size_class);
  }
  return Lend(block);
}

BlockRef BlockPool::Lend(Block* block) {
  block->references = 1;
  block->used = 0;
  Charge(*block);
  return BlockRef(block);
}

void BlockPool::Charge(const Block& block) {
  AddLent(block.capacity);
  if (is_allowance_spent() && !has_told_allowance_.load(std::memory_order_relaxed)) [[unlikely]] {
    has_told_allowance_.store(true, std::memory_order_relaxed);
    if (watcher_ != nullptr) watcher_->OnAllowanceSpent();
  }
  if (is_exhausted() && !has_told_) [[unlikely]] {
    has_told_ = true;
    if (watcher_ != nullptr) watcher_->OnExhausted();
  }
}

BlockRef BlockPool::TakeAtLeast(size_t bytes) {
  for (int i = 0; i < kClasses; ++i) {
    if (bytes <= kClassBytes[i] - sizeof(Block)) return Take(static_cast<BlockSize>(i));
  }
  return Lend(Allocate(bytes + sizeof(Block), kUnpooled));
}

BlockRef BlockPool::TakePipe() {
  if (refuses_pipes_) return BlockRef();
  FreeList& list = free_pipes_;
  if (!list.blocks.empty()) {
    Block* const block = list.blocks.back();
    list.blocks.pop_back();
    list.least = std::min(list.least, list.blocks.size());
    block->references = 1;
    return BlockRef(block);
  }
  if (open_pipes_ == kMaxPipes) return BlockRef();
  std::optional<Pipe> pipe = Pipe::Open();
  if (!pipe) {
    refuses_pipes_ = true;
    return BlockRef();
  }
  ++open_pipes_;
  Block* const block = Allocate(sizeof(Block) + sizeof(Pipe), Block::kPipeClass);
  new (&block->pipe()) Pipe(*std::move(pipe));
  block->references = 1;
  block->capacity = block->used = 0;
  return BlockRef(block);
}

void BlockPool::ClosePipe(Block* block) {
  --open_pipes_;
  block->pipe().~Pipe();
  std::free(block);
}

void BlockPool::Return(Block* block) {
  AddLent(size_t{0} - block->capacity);
  if (!is_exhausted()) has_told_ = false;
  if (block->is_pipe()) {
    block->capacity = 0;
    // What is left in it would become part of the next body.
    return block->pipe().bytes() == 0 ? free_pipes_.blocks.push_back(block) : ClosePipe(block);
  }
  if (block->size_class == kUnpooled) return std::free(block);
  free_[block->size_class].blocks.push_back(block);
}

template <typename Free>
void BlockPool::Trim(FreeList& list, size_t kept, Free free) {
  // The oldest lie in front: those at the back are warm.
  const size_t excess = list.least <= kept ? 0 : (list.least - kept + 1) / 2;
  for (size_t i = 0; i < excess; ++i) free(list.blocks[i]);
  list.blocks.erase(list.blocks.begin(), list.blocks.begin() + excess);
  list.least = list.blocks.size();
}

void BlockPool::Trim() {
  for (int i = 0; i < kClasses; ++i) {
    Trim(free_[i], kKeptBytes / kClassBytes[i], [](Block* block) { std::free(block); });
  }
  Trim(free_pipes_, kKeptPipes, [this](Block* block) { ClosePipe(block); });
  refuses_pipes_ = false;
}

Buffer::~Buffer() {
  Clear();
  std::free(heap_);
}

void Buffer::Swap(Buffer& other) {
  std::swap(inline_, other.inline_);
  std::swap(heap_, other.heap_);
  std::swap(capacity_, other.capacity_);
  std::swap(head_, other.head_);
  std::swap(count_, other.count_);
  std::swap(size_, other.size_);
}

void Buffer::Push(Block* block, uint32_t begin, uint32_t end) {
  if (count_ == capacity_) {
    auto* grown = static_cast<Slice*>(std::malloc(sizeof(Slice) * capacity_ * 2));
    if (grown == nullptr) throw std::bad_alloc();
    for (uint32_t i = 0; i < count_; ++i) grown[i] = At(i);
    std::free(heap_);
    heap_ = grown;
    capacity_ *= 2;
    head_ = 0;
  }
  At(count_++) = {block, begin, end};
  size_ += end - begin;
}

void Buffer::PopFront() {
  Slice& slice = At(0);
  size_ -= slice.end - slice.begin;
  BlockRef(slice.block).Reset();
  head_ = (head_ + 1) & (capacity_ - 1);
  --count_;
}

void Buffer::Append(const BlockRef& block, const char* begin, const char* end) {
  const auto length = static_cast<size_t>(end - begin);
  if (length == 0) return;
  if (length < block->capacity / 8) {
    return AppendCopy(*block->pool, absl::string_view(begin, length));
  }
  AppendSlice(block, begin, end);
}

void Buffer::AppendSlice(const BlockRef& block, const char* begin, const char* end) {
  const auto length = static_cast<uint32_t>(end - begin);
  const auto offset = static_cast<uint32_t>(begin - block->data());
  if (count_ > 0) {
    Slice& last = At(count_ - 1);
    if (last.block == block.get() && last.end == offset) {
      last.end += length;
      size_ += length;
      return;
    }
  }
  Push(block.Share().release(), offset, offset + length);
}

void Buffer::Append(Buffer&& other) {
  if (count_ == 0) {
    Swap(other);
    return;
  }
  AppendFront(other, other.size_);
}

void Buffer::AppendFront(Buffer& other, size_t bytes) {
  while (bytes > 0) {
    Slice& slice = other.At(0);
    const size_t length = slice.end - slice.begin;
    if (length > bytes) {
      ++slice.block->references;
      Push(slice.block, slice.begin, static_cast<uint32_t>(slice.begin + bytes));
      slice.begin += bytes;
      other.size_ -= bytes;
      return;
    }
    ++slice.block->references;
    Push(slice.block, slice.begin, slice.end);
    other.PopFront();
    bytes -= length;
  }
}

void Buffer::AppendPipe(BlockRef&& pipe) {
  // `used` stays 0: nothing can be written behind what is in it.
  pipe->capacity = static_cast<uint32_t>(pipe->pipe().bytes());
  pipe->pool->Charge(*pipe.get());
  Push(pipe.get(), 0, pipe->capacity);
  pipe.release();
}

void Buffer::DieOfPipe() {
  LOG(ERROR) << "bytes in a pipe were taken for memory";
  std::abort();
}

void Buffer::AppendCopy(BlockPool& pool, absl::string_view bytes) {
  while (!bytes.empty()) {
    char* room = Reserve(pool, 1);
    const Slice& last = At(count_ - 1);
    const size_t length = std::min<size_t>(bytes.size(), last.block->capacity - last.end);
    std::memcpy(room, bytes.data(), length);
    Commit(length);
    bytes.remove_prefix(length);
  }
}

void Buffer::AppendShared(const Buffer& other, size_t offset, size_t bytes) {
  for (uint32_t i = 0; i < other.count_ && bytes > 0; ++i) {
    const Slice& slice = other.At(i);
    const size_t length = slice.end - slice.begin;
    if (offset >= length) {
      offset -= length;
      continue;
    }
    const size_t take = std::min(length - offset, bytes);
    if (slice.block->is_pipe()) [[unlikely]]
      DieOfPipe();
    ++slice.block->references;
    const auto begin = static_cast<uint32_t>(slice.begin + offset);
    Push(slice.block, begin, static_cast<uint32_t>(begin + take));
    bytes -= take;
    offset = 0;
  }
}

char* Buffer::Reserve(BlockPool& pool, size_t bytes) {
  if (count_ > 0) {
    Slice& last = At(count_ - 1);
    // Only the owner of the end may write behind it: `used` says who that is.
    if (last.block->references == 1 && last.end == last.block->used &&
        last.block->capacity - last.end >= bytes) {
      return last.block->data() + last.end;
    }
  }
  // Small pieces gather in small blocks, a queue that grows gets larger ones.
  BlockRef block = pool.TakeAtLeast(std::max<size_t>(bytes, size_ >= 4096 ? 12288 : 2048));
  Push(block.release(), 0, 0);
  return At(count_ - 1).block->data();
}

void Buffer::Commit(size_t bytes) {
  Slice& last = At(count_ - 1);
  last.end += bytes;
  last.block->used = last.end;
  size_ += bytes;
}

void Buffer::Drain(size_t bytes) {
  while (bytes > 0 || (count_ > 0 && At(0).begin == At(0).end)) {
    Slice& slice = At(0);
    const size_t length = slice.end - slice.begin;
    if (length > bytes) {
      slice.begin += bytes;
      size_ -= bytes;
      return;
    }
    bytes -= length;
    PopFront();
  }
  if (count_ == 0 && heap_ != nullptr) ShrinkToInline();
}

void Buffer::ShrinkToInline() {
  std::free(std::exchange(heap_, nullptr));
  capacity_ = kInline;
  head_ = 0;
}

int Buffer::Gather(iovec* out, int max) const {
  int filled = 0;
  for (uint32_t i = 0; i < count_ && filled < max; ++i) {
    const Slice& slice = At(i);
    if (slice.begin == slice.end) continue;
    if (slice.block->is_pipe()) break;
    out[filled++] = {slice.block->data() + slice.begin, slice.end - slice.begin};
  }
  return filled;
}

ssize_t Buffer::SendFrontPipe(int socket) {
  Drain(0);  // Slices in front of which nothing is left.
  const Slice& slice = At(0);
  Pipe& pipe = slice.block->pipe();
  // Bytes in front of these were dropped, or go another way: never send the wrong ones.
  if (pipe.bytes() != slice.end - slice.begin) [[unlikely]]
    DieOfPipe();
  const ssize_t n = pipe.EmptyInto(socket);
  if (n > 0) Drain(static_cast<size_t>(n));
  return n;
}

absl::string_view Buffer::Front() const {
  return count_ == 0 ? absl::string_view() : ViewOf(At(0));
}

std::string Buffer::ToString() const {
  std::string text;
  text.reserve(size_);
  ForEach([&text](absl::string_view piece) { text.append(piece.data(), piece.size()); });
  return text;
}

}  // namespace sluice::net
