#include "proxy/http/h2/session_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace sluice::http::h2 {
namespace {

class SessionMemoryTest : public ::testing::Test {
 protected:
  void* Allocate(size_t bytes) {
    void* piece = functions_.malloc(bytes, functions_.mem_user_data);
    std::memset(piece, 0xff, bytes);
    return piece;
  }
  void Free(void* piece) { functions_.free(piece, functions_.mem_user_data); }

  // As many streams at once as a burst has.
  void Burst() {
    std::vector<void*> pieces;
    for (int i = 0; i < 10'000; ++i) pieces.push_back(Allocate(300));
    for (void* piece : pieces) Free(piece);
  }

  SessionMemory memory_;
  const nghttp2_mem functions_ = *memory_.functions();
};

TEST_F(SessionMemoryTest, WhatIsFreedIsUsedAgain) {
  void* const piece = Allocate(300);
  Free(piece);
  EXPECT_EQ(memory_.idle_bytes(), 512u);
  EXPECT_EQ(Allocate(290), piece);
  EXPECT_EQ(memory_.idle_bytes(), 0u);
  Free(piece);
}

TEST_F(SessionMemoryTest, LargePiecesAreTheHeaps) {
  Free(Allocate(3000));
  EXPECT_EQ(memory_.idle_bytes(), 0u);
}

TEST_F(SessionMemoryTest, WhatABurstLeavesIsGivenBackInTime) {
  Burst();
  EXPECT_EQ(memory_.idle_bytes(), 10'000u * 512);
  for (int i = 0; i < 20; ++i) memory_.Trim();
  EXPECT_LT(memory_.idle_bytes(), 1'000u * 512);
  EXPECT_GT(memory_.idle_bytes(), 0u);
}

TEST_F(SessionMemoryTest, WhatIsUsedEverySecondStays) {
  Burst();
  for (int i = 0; i < 20; ++i) {
    Burst();
    memory_.Trim();
  }
  EXPECT_EQ(memory_.idle_bytes(), 10'000u * 512);
}

TEST_F(SessionMemoryTest, ReleaseGivesBackAllThatIsIdle) {
  void* const used = Allocate(300);
  Burst();
  memory_.Release();
  EXPECT_EQ(memory_.idle_bytes(), 0u);
  Free(used);
  EXPECT_EQ(memory_.idle_bytes(), 512u);
}

}  // namespace
}  // namespace sluice::http::h2
