#include "tools/sluicectl/text_diff.h"

#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::sluicectl {
namespace {

TEST(UnifiedDiffTest, EqualTextsGiveNothing) { EXPECT_EQ(UnifiedDiff("a\nb\n", "a\nb\n"), ""); }

TEST(UnifiedDiffTest, AChangedLineStandsAsBothWithWhatIsAroundIt) {
  EXPECT_EQ(UnifiedDiff("a\nb\nc\n", "a\nx\nc\n"), " a\n-b\n+x\n c\n");
}

TEST(UnifiedDiffTest, WhatIsFarFromADifferenceIsLeftOut) {
  EXPECT_EQ(UnifiedDiff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "x\n2\n3\n4\n5\n6\n7\n8\ny\n"),
            "-1\n+x\n 2\n 3\n 4\n@@\n 6\n 7\n 8\n-9\n+y\n");
}

TEST(UnifiedDiffTest, OneSideMayBeEmpty) {
  EXPECT_EQ(UnifiedDiff("", "a\nb\n"), "+a\n+b\n");
  EXPECT_EQ(UnifiedDiff("a\nb\n", ""), "-a\n-b\n");
}

// The lines of one side of a diff that shows everything.
std::string Side(const std::string& diff, char without) {
  std::string text;
  for (absl::string_view line : absl::StrSplit(diff, '\n', absl::SkipEmpty())) {
    if (line[0] != without) absl::StrAppend(&text, line.substr(1), "\n");
  }
  return text;
}

TEST(UnifiedDiffTest, ItsSidesAreTheTexts) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    // So short that nothing is left out.
    std::string before;
    std::string after;
    for (uint32_t i = random() % 5; i > 0; --i) absl::StrAppend(&before, random() % 3, "\n");
    for (uint32_t i = random() % 5; i > 0; --i) absl::StrAppend(&after, random() % 3, "\n");
    const std::string diff = UnifiedDiff(before, after);
    if (before == after) continue;
    // Up to three equal lines fit around one that differs, so all of them are there but for those
    // further off.
    if (diff.find("@@") != std::string::npos) continue;
    EXPECT_TRUE(before.find(Side(diff, '+')) != std::string::npos) << before << "/" << after;
    EXPECT_TRUE(after.find(Side(diff, '-')) != std::string::npos) << before << "/" << after;
  }
}

TEST(UnifiedDiffTest, VeryDifferentTextsAreReplacedAsAWhole) {
  std::string before;
  std::string after;
  for (int i = 0; i < 3000; ++i) {
    absl::StrAppend(&before, "a", i, "\n");
    absl::StrAppend(&after, "b", i, "\n");
  }
  EXPECT_EQ(UnifiedDiff(before, after).substr(0, 9), "-a0\n-a1\n-");
}

}  // namespace
}  // namespace sluice::sluicectl
