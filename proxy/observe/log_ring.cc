#include "proxy/observe/log_ring.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::observe {

namespace {

// Records begin at multiples of 8, so that a header never lies across the end.
constexpr uint64_t Padded(uint64_t size) { return (size + 7) & ~uint64_t{7}; }

}  // namespace

LogRing::LogRing(size_t bytes) : mask_(bytes - 1), bytes_(new char[bytes]) {}

bool LogRing::Push(uint32_t file, absl::string_view line) {
  const uint64_t capacity = mask_ + 1;
  const uint64_t written = written_.load(std::memory_order_relaxed);
  const uint64_t end = written + sizeof(Header) + Padded(line.size());
  if (end - seen_read_ > capacity) {
    seen_read_ = read_.load(std::memory_order_acquire);
    if (end - seen_read_ > capacity) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
  }
  const Header header = {file, static_cast<uint32_t>(line.size())};
  std::memcpy(At(written), &header, sizeof(header));
  const uint64_t text = written + sizeof(header);
  const size_t first = std::min<size_t>(line.size(), capacity - (text & mask_));
  std::memcpy(At(text), line.data(), first);
  std::memcpy(bytes_.get(), line.data() + first, line.size() - first);
  written_.store(end, std::memory_order_release);
  return true;
}

bool LogRing::IsTimeToWake() {
  const uint64_t half = (mask_ + 1) / 2;
  const uint64_t written = written_.load(std::memory_order_relaxed);
  // The last look at the reader's position is old: only if it says "full" is a new one worth it.
  if (written - seen_read_ <= half) return false;
  seen_read_ = read_.load(std::memory_order_acquire);
  if (written - seen_read_ <= half) {
    has_woken_ = false;
    return false;
  }
  return !std::exchange(has_woken_, true);
}

size_t LogRing::Drain(
    absl::FunctionRef<void(uint32_t file, absl::string_view, absl::string_view)> on_line) {
  const uint64_t capacity = mask_ + 1;
  const uint64_t begin = read_.load(std::memory_order_relaxed);
  const uint64_t end = written_.load(std::memory_order_acquire);
  uint64_t position = begin;
  while (position < end) {
    Header header;
    std::memcpy(&header, At(position), sizeof(header));
    const uint64_t text = position + sizeof(header);
    const size_t first = std::min<size_t>(header.size, capacity - (text & mask_));
    on_line(header.file, absl::string_view(At(text), first),
            absl::string_view(bytes_.get(), header.size - first));
    position = text + Padded(header.size);
  }
  read_.store(end, std::memory_order_release);
  return end - begin;
}

}  // namespace sluice::observe
