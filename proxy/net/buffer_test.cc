#include "proxy/net/buffer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice::net {
namespace {

class BufferTest : public ::testing::Test {
 protected:
  BlockPool pool_{1 << 20};
};

TEST_F(BufferTest, CopiedBytesComeOutInOrder) {
  Buffer buffer;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    buffer.AppendCopy(pool_, std::to_string(i));
    expected += std::to_string(i);
  }
  EXPECT_EQ(buffer.ToString(), expected);
}

TEST_F(BufferTest, AMovedBufferLeavesItsSourceEmpty) {
  Buffer a, b;
  a.AppendCopy(pool_, "one");
  b.AppendCopy(pool_, "two");
  b.Append(std::move(a));
  EXPECT_EQ(b.ToString(), "twoone");
  EXPECT_TRUE(a.empty());
}

TEST_F(BufferTest, ALargeSliceIsSharedNotCopied) {
  BlockRef block = pool_.Take(BlockSize::k16K);
  block->used = block->capacity;
  Buffer buffer;
  buffer.Append(block, block->data(), block->data() + 8000);
  EXPECT_EQ(buffer.Front().data(), block->data());
}

TEST_F(BufferTest, ASmallSliceDoesNotHoldALargeBlock) {
  Buffer buffer;
  {
    BlockRef block = pool_.Take(BlockSize::k64K);
    block->used = block->capacity;
    buffer.Append(block, block->data(), block->data() + 10);
  }
  EXPECT_LT(pool_.lent_bytes(), 8192u);
}

TEST_F(BufferTest, AdjacentSlicesOfOneBlockBecomeOne) {
  BlockRef block = pool_.Take(BlockSize::k4K);
  block->used = block->capacity;
  Buffer buffer;
  buffer.Append(block, block->data(), block->data() + 1000);
  buffer.Append(block, block->data() + 1000, block->data() + 2000);
  iovec pieces[4];
  EXPECT_EQ(buffer.Gather(pieces, 4), 1);
}

TEST_F(BufferTest, AllMemoryReturnsToThePool) {
  {
    Buffer a, b;
    a.AppendCopy(pool_, std::string(100'000, 'x'));
    b.AppendShared(a, 5, 50'000);
    a.Drain(70'000);
  }
  EXPECT_EQ(pool_.lent_bytes(), 0u);
}

TEST_F(BufferTest, WritingBehindSharedBytesLeavesThemAlone) {
  Buffer a, b;
  a.AppendCopy(pool_, "abc");
  b.AppendShared(a, 0, 3);
  a.AppendCopy(pool_, "def");
  b.AppendCopy(pool_, "xyz");
  EXPECT_EQ(a.ToString(), "abcdef");
  EXPECT_EQ(b.ToString(), "abcxyz");
}

TEST_F(BufferTest, RandomOperationsAgreeWithAString) {
  std::mt19937 random(3);
  Buffer buffer, other;
  std::string model, other_model;
  for (int i = 0; i < 20'000; ++i) {
    const size_t n = random() % 3000;
    switch (random() % 5) {
      case 0:
        buffer.AppendCopy(pool_, std::string(n, static_cast<char>('a' + i % 26)));
        model += std::string(n, static_cast<char>('a' + i % 26));
        break;
      case 1: {
        const size_t k = std::min(n * 3, model.size());
        buffer.Drain(k);
        model.erase(0, k);
        break;
      }
      case 2: {
        const size_t k = std::min(n, model.size());
        other.AppendFront(buffer, k);
        other_model += model.substr(0, k);
        model.erase(0, k);
        break;
      }
      case 3: {
        const size_t offset = model.empty() ? 0 : random() % model.size();
        const size_t k = std::min(n, model.size() - offset);
        other.AppendShared(buffer, offset, k);
        other_model += model.substr(offset, k);
        break;
      }
      case 4:
        if (random() % 4 == 0) {
          buffer.Append(std::move(other));
          model += other_model;
          other_model.clear();
        }
        break;
    }
    ASSERT_EQ(buffer.size(), model.size());
    if (model.size() > 200'000) {
      ASSERT_EQ(buffer.ToString(), model);
      buffer.Clear();
      model.clear();
    }
  }
  EXPECT_EQ(other.ToString(), other_model);
}

TEST_F(BufferTest, ThePoolSaysWhenItsBudgetIsSpentAndWhenItIsNot) {
  BlockPool pool(100'000);
  BlockRef a = pool.Take(BlockSize::k64K);
  EXPECT_FALSE(pool.is_exhausted());
  BlockRef b = pool.Take(BlockSize::k64K);
  EXPECT_TRUE(pool.is_exhausted());
  b.Reset();
  EXPECT_FALSE(pool.is_exhausted());
}

TEST_F(BufferTest, TheWatcherIsToldOnceEachTimeTheBudgetIsSpent) {
  struct Count final : BlockPool::Watcher {
    void OnExhausted() override { ++times; }
    int times = 0;
  } count;
  BlockPool pool(100'000);
  pool.Watch(&count);
  BlockRef a = pool.Take(BlockSize::k64K);
  EXPECT_TRUE(pool.is_tight());
  EXPECT_EQ(count.times, 0);
  BlockRef b = pool.Take(BlockSize::k64K);
  BlockRef c = pool.Take(BlockSize::k64K);
  EXPECT_EQ(count.times, 1);
  b.Reset();
  c.Reset();
  b = pool.TakeAtLeast(200'000);
  EXPECT_EQ(count.times, 2);
}

TEST_F(BufferTest, WhatIsAllowedCountsFromWhatIsLentThen) {
  BlockPool pool(10'000'000);
  BlockRef a = pool.Take(BlockSize::k64K);
  EXPECT_FALSE(pool.is_tight());
  pool.AllowFromAnyThread(100'000);
  BlockRef b = pool.Take(BlockSize::k64K);
  EXPECT_FALSE(pool.is_tight());
  BlockRef c = pool.Take(BlockSize::k64K);
  EXPECT_TRUE(pool.is_tight());
  pool.AllowFromAnyThread(100'000);
  EXPECT_FALSE(pool.is_tight());
}

TEST_F(BufferTest, TheWatcherIsToldOnceForEachAllowance) {
  struct Count final : BlockPool::Watcher {
    void OnExhausted() override {}
    void OnAllowanceSpent() override { ++times; }
    int times = 0;
  } count;
  BlockPool pool(10'000'000);
  pool.Watch(&count);
  BlockRef a = pool.Take(BlockSize::k64K);
  EXPECT_EQ(count.times, 0);
  for (int allowance = 1; allowance <= 2; ++allowance) {
    pool.AllowFromAnyThread(100'000);
    BlockRef b = pool.Take(BlockSize::k64K);
    EXPECT_EQ(count.times, allowance - 1);
    BlockRef c = pool.Take(BlockSize::k64K);
    c.Reset();
    c = pool.Take(BlockSize::k64K);
    EXPECT_EQ(count.times, allowance);
  }
}

}  // namespace
}  // namespace sluice::net
