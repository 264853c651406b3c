#include "proxy/exchange/pin_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace sluice::exchange {
namespace {

TEST(PinTableTest, HoldersAreCountedBeforeAnotherGenerationIsServed) {
  PinTable pins;
  pins.Cover(7);
  Pin one;
  Pin other;
  one.Take(pins, 7);
  other.Take(pins, 7);
  pins.CountHolders();
  EXPECT_EQ(pins.CountFromAnyThread(7), 2u);
  one.Release();
  EXPECT_EQ(pins.CountFromAnyThread(7), 1u);
  other.Release();
  EXPECT_EQ(pins.CountFromAnyThread(7), 0u);
}

TEST(PinTableTest, AHolderIsCountedOnce) {
  PinTable pins;
  pins.Cover(7);
  Pin pin;
  pin.Take(pins, 7);
  pins.CountHolders();
  pins.CountHolders();
  EXPECT_EQ(pins.CountFromAnyThread(7), 1u);
}

TEST(PinTableTest, WhoEndsUnderTheSameGenerationIsNeverCounted) {
  PinTable pins;
  pins.Cover(3);
  auto first = std::make_unique<Pin>();
  auto middle = std::make_unique<Pin>();
  auto last = std::make_unique<Pin>();
  for (const auto& pin : {first.get(), middle.get(), last.get()}) pin->Take(pins, 3);
  middle.reset();
  last.reset();
  pins.CountHolders();
  EXPECT_EQ(pins.CountFromAnyThread(3), 1u);
  first.reset();
  EXPECT_EQ(pins.CountFromAnyThread(3), 0u);
}

TEST(PinTableTest, SlotsOfDifferentChunksAreApart) {
  PinTable pins;
  pins.Cover(1);
  pins.Cover(PinTable::kChunk + 1);
  Pin pin;
  pin.Take(pins, PinTable::kChunk + 1);
  pins.CountHolders();
  EXPECT_EQ(pins.CountFromAnyThread(1), 0u);
  EXPECT_EQ(pins.CountFromAnyThread(PinTable::kChunk + 1), 1u);
}

TEST(PinTableTest, ASlotThatWasNeverCoveredHasNoPins) {
  const PinTable pins;
  EXPECT_EQ(pins.CountFromAnyThread(PinTable::kMaxSlots - 1), 0u);
}

// As in the proxy: one thread publishes objects and frees each once it is taken back and its count
// is 0, while another uses whatever is published. Under TSan and ASan this fails if a count of 0
// could be seen before the last use of the object.
TEST(PinTableTest, WhatIsNotCountedIsNotUsed) {
  struct Object {
    uint32_t slot;
    uint64_t uses = 0;
  };
  constexpr uint32_t kRounds = 3000;
  PinTable pins;
  std::atomic<Object*> published{nullptr};
  std::atomic<uint32_t> adopted{UINT32_MAX};  // By the worker: the slot that it looks at.
  std::atomic<bool> stop{false};

  std::thread worker([&] {
    Object* serving = nullptr;
    while (!stop.load(std::memory_order_acquire)) {
      Object* newest = published.load(std::memory_order_acquire);
      // A request that began under the one before uses it a little longer than it is served.
      Object* const before = serving;
      Pin pin;
      if (before != nullptr) pin.Take(pins, before->slot);
      pins.CountHolders();
      serving = newest;
      if (serving != nullptr) adopted.store(serving->slot, std::memory_order_release);
      if (before != nullptr) ++before->uses;
    }
  });

  std::unique_ptr<Object> present;
  for (uint32_t slot = 0; slot < kRounds; ++slot) {
    pins.Cover(slot);
    auto next = std::make_unique<Object>(Object{.slot = slot});
    published.store(next.get(), std::memory_order_release);
    while (adopted.load(std::memory_order_acquire) != slot) std::this_thread::yield();
    if (present != nullptr) {
      while (pins.CountFromAnyThread(present->slot) != 0) std::this_thread::yield();
    }
    present = std::move(next);  // Frees the one before.
  }
  stop.store(true, std::memory_order_release);
  worker.join();
  EXPECT_EQ(pins.CountFromAnyThread(kRounds - 1), 0u);
}

}  // namespace
}  // namespace sluice::exchange
