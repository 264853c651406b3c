// Which pinned objects one worker's exchanges use.
//
// An exchange uses parts of the generation under which it began, and may outlive that generation.
// As long as the worker serves it, nobody asks who uses what: an exchange is only put on a list.
// When the worker is about to serve another, CountHolders() counts each on the list at the slot of
// what it uses. So the many that begin and end under one generation touch nothing but their
// neighbours on the list (a count each would be two waits for memory among 100,000 routes), and a
// long one keeps what it uses, not its generation.
//
// Workers count without atomic read-modify-write and without sharing a cache line with each other;
// the build thread reads the counts of what it has taken out of the configuration.
//
// Thread: Pin and CountHolders() on the worker; CountFromAnyThread() and Cover() on the build
// thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace sluice::exchange {

class PinTable;

// One holder's use of one object. Ownership: the holder's; ends before the table.
class Pin {
 public:
  Pin() = default;
  ~Pin() { Release(); }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  // Of an object of the generation that the worker serves. It is not pinned yet.
  inline void Take(PinTable& table, uint32_t slot);
  // Nothing if it is not pinned.
  inline void Release();

 private:
  friend class PinTable;

  PinTable* table_ = nullptr;  // Null: not pinned.
  // On the table's list; both null once counted.
  Pin* next_ = nullptr;
  Pin** link_ = nullptr;  // What points here.
  uint32_t slot_ = 0;
};

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

  // Before the worker serves another generation. Costs what began under the last one and goes on.
  void CountHolders() {
    while (Pin* const pin = uncounted_) {
      Unlink(*pin);
      Add(pin->slot_, 1);
    }
  }

  // Once the worker serves a generation without the slot, 0 is final.
  uint32_t CountFromAnyThread(uint32_t slot) const {
    const Chunk* chunk = chunks_[slot / kChunk].load(std::memory_order_acquire);
    return chunk == nullptr ? 0 : (*chunk)[slot % kChunk].load(std::memory_order_acquire);
  }

 private:
  friend class Pin;
  using Chunk = std::array<std::atomic<uint32_t>, kChunk>;

  void Link(Pin& pin) {
    pin.next_ = uncounted_;
    pin.link_ = &uncounted_;
    if (uncounted_ != nullptr) uncounted_->link_ = &pin.next_;
    uncounted_ = &pin;
  }

  static void Unlink(Pin& pin) {
    *pin.link_ = pin.next_;
    if (pin.next_ != nullptr) pin.next_->link_ = pin.link_;
    pin.next_ = nullptr;
    pin.link_ = nullptr;
  }

  void Add(uint32_t slot, uint32_t delta) {
    std::atomic<uint32_t>& count =
        (*chunks_[slot / kChunk].load(std::memory_order_relaxed))[slot % kChunk];
    // Release: what the exchange did with the object comes before the count that frees it.
    count.store(count.load(std::memory_order_relaxed) + delta, std::memory_order_release);
  }

  Pin* uncounted_ = nullptr;
  std::array<std::atomic<Chunk*>, kMaxSlots / kChunk> chunks_{};
};

inline void Pin::Take(PinTable& table, uint32_t slot) {
  table_ = &table;
  slot_ = slot;
  table.Link(*this);
}

inline void Pin::Release() {
  if (table_ == nullptr) return;
  if (link_ != nullptr) {
    PinTable::Unlink(*this);
  } else {
    table_->Add(slot_, UINT32_MAX);
  }
  table_ = nullptr;
}

}  // namespace sluice::exchange
