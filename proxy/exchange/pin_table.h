// Which pinned objects one worker's exchanges use: a count a slot.
//
// Workers count without atomic read-modify-write and without sharing a cache line with each other;
// the build thread reads the counts of what it has taken out of the configuration.
//
// Thread: Pin() and Unpin() on the worker; CountFromAnyThread() and Cover() on the build thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace sluice::exchange {

class PinTable {
 public:
  static constexpr uint32_t kChunk = 4096;
  static constexpr uint32_t kMaxSlots = kChunk * 1024;

  PinTable() = default;
  ~PinTable() {
    for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }
  PinTable(const PinTable&) = delete;
  PinTable& operator=(const PinTable&) = delete;

  // Makes room for `slot`, before a generation that uses it is published.
  void Cover(uint32_t slot) {
    std::atomic<Chunk*>& chunk = chunks_[slot / kChunk];
    if (chunk.load(std::memory_order_relaxed) == nullptr) {
      chunk.store(new Chunk(), std::memory_order_release);
    }
  }

  void Pin(uint32_t slot) { Add(slot, 1); }
  void Unpin(uint32_t slot) { Add(slot, UINT32_MAX); }

  // Once the worker serves a generation without the slot, 0 is final.
  uint32_t CountFromAnyThread(uint32_t slot) const {
    const Chunk* chunk = chunks_[slot / kChunk].load(std::memory_order_acquire);
    return chunk == nullptr ? 0 : (*chunk)[slot % kChunk].load(std::memory_order_acquire);
  }

 private:
  using Chunk = std::array<std::atomic<uint32_t>, kChunk>;

  void Add(uint32_t slot, uint32_t delta) {
    std::atomic<uint32_t>& count =
        (*chunks_[slot / kChunk].load(std::memory_order_relaxed))[slot % kChunk];
    // Release: what the exchange did with the object comes before the count that frees it.
    count.store(count.load(std::memory_order_relaxed) + delta, std::memory_order_release);
  }

  std::array<std::atomic<Chunk*>, kMaxSlots / kChunk> chunks_{};
};

}  // namespace sluice::exchange
