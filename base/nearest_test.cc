#include "base/nearest.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(NearestTest, ASlipOfOneLetterFindsTheWord) {
  EXPECT_EQ(Nearest("timout", {"methods", "timeout", "hosts"}), "timeout");
}

TEST(NearestTest, SwappedLettersCountOnce) {
  EXPECT_EQ(Nearest("ohsts", {"paths", "hosts"}), "hosts");
}

TEST(NearestTest, AnotherWordIsNotSuggested) {
  EXPECT_EQ(Nearest("banana", {"hosts", "paths"}), "");
}

TEST(NearestTest, AHugeWordIsNotCompared) {
  EXPECT_EQ(Nearest(std::string(100000, 'a'), {"hosts"}), "");
}

}  // namespace
}  // namespace sluice
