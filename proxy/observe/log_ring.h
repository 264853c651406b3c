// Lines on their way from one worker to the log thread: a ring of bytes with one writer and one
// reader, neither of which ever waits.
//
// Thread: Push() by the writer, Drain() by the reader, dropped() by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace sluice::observe {

class LogRing {
 public:
  // `bytes` is a power of two, at least 64.
  explicit LogRing(size_t bytes);
  LogRing(const LogRing&) = delete;
  LogRing& operator=(const LogRing&) = delete;

  // Copies the line. False, and counted, if there is no room.
  bool Push(uint32_t file, absl::string_view line);

  // True once for each time that more than half of the ring has filled up: then the reader should
  // be woken. By the writer, after Push().
  bool IsTimeToWake();

  // Hands over every line that was pushed before the call; one that lies across the ring's end
  // comes in two parts. Returns the bytes that became free.
  size_t Drain(
      absl::FunctionRef<void(uint32_t file, absl::string_view, absl::string_view)> on_line);

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Header {
    uint32_t file;
    uint32_t size;
  };

  char* At(uint64_t position) const { return &bytes_[position & mask_]; }

  // Set at construction.
  const uint64_t mask_;
  const std::unique_ptr<char[]> bytes_;

  // Positions only grow; the ring holds what lies between.
  alignas(64) std::atomic<uint64_t> written_{0};
  uint64_t seen_read_ = 0;  // The writer's last look at read_.
  bool has_woken_ = false;
  std::atomic<uint64_t> dropped_{0};

  alignas(64) std::atomic<uint64_t> read_{0};
};

}  // namespace sluice::observe
