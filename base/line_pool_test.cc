#include "base/line_pool.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/config.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(LinePool, ObjectsBeginAtALineAndDoNotOverlap) {
  std::vector<char*> objects;
  for (size_t i = 0; i < 200'000; ++i) {
    const size_t size = 1 + i % 1500;
    auto* memory = static_cast<char*>(LinePool::Allocate(size));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % LinePool::kLine, 0u);
    std::memset(memory, static_cast<int>(i % 251), size);
    objects.push_back(memory);
  }
  for (size_t i = 0; i < objects.size(); ++i) {
    const size_t size = 1 + i % 1500;
    ASSERT_EQ(objects[i][0], static_cast<char>(i % 251));
    ASSERT_EQ(objects[i][size - 1], static_cast<char>(i % 251));
  }
  for (char* object : objects) LinePool::Free(object);
}

TEST(LinePool, WhatWasFreedIsUsedAgain) {
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
  GTEST_SKIP() << "sanitized builds use the general heap";
#endif
  void* first = LinePool::Allocate(960);
  LinePool::Free(first);
  void* second = LinePool::Allocate(930);
  EXPECT_EQ(first, second);
  LinePool::Free(second);
}

// What lies behind may be no memory at all, and wide reads up to there are slow.
TEST(LinePool, NoObjectEndsWhereItsHugePageEnds) {
  constexpr size_t kHugePage = size_t{2} << 20;
  for (size_t size = LinePool::kLine; size <= LinePool::kMaxPooled; size += LinePool::kLine) {
    std::vector<void*> objects;
    for (size_t i = 0; i <= kHugePage / size; ++i) {
      objects.push_back(LinePool::Allocate(size));
      ASSERT_NE((reinterpret_cast<uintptr_t>(objects.back()) + size) % kHugePage, 0u) << size;
    }
    for (void* object : objects) LinePool::Free(object);
  }
}

TEST(LinePool, AnyThreadMayFree) {
  std::vector<std::shared_ptr<int>> numbers;
  for (int i = 0; i < 10'000; ++i) {
    numbers.push_back(std::allocate_shared<int>(LineAllocator<int>(), i));
  }
  std::thread other([&] {
    for (int i = 0; i < 10'000; i += 2) numbers[static_cast<size_t>(i)].reset();
  });
  std::vector<std::shared_ptr<int>> more;
  for (int i = 0; i < 10'000; ++i) {
    more.push_back(std::allocate_shared<int>(LineAllocator<int>(), -i));
  }
  other.join();
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(*more[static_cast<size_t>(i)], -i);
    if (i % 2 == 1) {
      EXPECT_EQ(*numbers[static_cast<size_t>(i)], i);
    }
  }
}

TEST(LinePool, FreeingNothingIsAllowed) { LinePool::Free(nullptr); }

}  // namespace
}  // namespace sluice
