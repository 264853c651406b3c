#include "proxy/upstream/priority_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace sluice::upstream {
namespace {

using ::testing::ElementsAre;

// Per cent of the load of each level, healthy and degraded, rounded.
std::vector<int> Shares(std::vector<LevelHealth> levels, double panic_threshold = 0.5) {
  std::vector<int> shares;
  for (const LevelLoad& load : SpreadLoad(levels, panic_threshold)) {
    const auto share = static_cast<double>(load.healthy + load.degraded);
    shares.push_back(static_cast<int>(std::lround(share * 100 / kAllLoad)));
  }
  return shares;
}

std::vector<int> Panics(std::vector<LevelHealth> levels, double panic_threshold = 0.5) {
  std::vector<int> panics;
  for (const LevelLoad& load : SpreadLoad(levels, panic_threshold)) {
    panics.push_back(load.is_in_panic);
  }
  return panics;
}

constexpr LevelHealth kWell = {100, 100, 0};

TEST(PriorityLoadTest, TheFirstLevelTakesAllWhileSeventyTwoPerCentAreHealthy) {
  EXPECT_THAT(Shares({kWell, kWell}), ElementsAre(100, 0));
  EXPECT_THAT(Shares({{100, 72, 0}, kWell}), ElementsAre(100, 0));
}

// Envoy's documented table.
TEST(PriorityLoadTest, WhatTheFirstLevelCannotTakeGoesToTheSecond) {
  EXPECT_THAT(Shares({{100, 71, 0}, kWell}), ElementsAre(99, 1));
  EXPECT_THAT(Shares({{100, 50, 0}, kWell}), ElementsAre(70, 30));
  EXPECT_THAT(Shares({{100, 25, 0}, kWell}), ElementsAre(35, 65));
  EXPECT_THAT(Shares({{100, 0, 0}, kWell}), ElementsAre(0, 100));
}

TEST(PriorityLoadTest, TooFewHealthyEndpointsShareAllOfTheLoad) {
  // 28 % and 56 % of what is there to take, 84 in all.
  EXPECT_THAT(Shares({{100, 20, 0}, {100, 40, 0}}, 0), ElementsAre(33, 67));
}

TEST(PriorityLoadTest, DegradedEndpointsTakeWhatHealthyOnesOfAllLevelsCannot) {
  const std::vector<LevelLoad> loads =
      SpreadLoad(std::vector<LevelHealth>{{100, 40, 60}, {100, 20, 0}}, 0.5);
  EXPECT_NEAR(static_cast<double>(loads[0].healthy) / kAllLoad, 0.56, 1e-6);
  EXPECT_NEAR(static_cast<double>(loads[0].degraded) / kAllLoad, 0.16, 1e-6);
  EXPECT_NEAR(static_cast<double>(loads[1].healthy) / kAllLoad, 0.28, 1e-6);
}

TEST(PriorityLoadTest, NoLevelPanicsWhileTogetherTheyCanTakeAll) {
  EXPECT_THAT(Panics({{100, 10, 0}, kWell}), ElementsAre(0, 0));
}

TEST(PriorityLoadTest, OneThatIsBelowTheThresholdPanicsAlone) {
  EXPECT_THAT(Panics({{100, 10, 0}, {100, 60, 0}}), ElementsAre(1, 0));
  EXPECT_THAT(Shares({{100, 10, 0}, {100, 60, 0}}), ElementsAre(14, 86));
}

TEST(PriorityLoadTest, TheThresholdItselfIsNoPanic) {
  EXPECT_THAT(Panics({{100, 50, 0}}), ElementsAre(0));
  EXPECT_THAT(Panics({{100, 49, 0}}), ElementsAre(1));
  EXPECT_THAT(Panics({{100, 40, 10}}), ElementsAre(0));
}

TEST(PriorityLoadTest, InTotalPanicEachTakesItsPartOfTheEndpoints) {
  EXPECT_THAT(Shares({{10, 0, 0}, {30, 0, 0}}), ElementsAre(25, 75));
  EXPECT_THAT(Panics({{10, 0, 0}, {30, 0, 0}}), ElementsAre(1, 1));
}

TEST(PriorityLoadTest, WithoutPanicNothingThatIsUnhealthyIsLoaded) {
  EXPECT_THAT(Shares({{10, 0, 0}, {30, 0, 0}}, 0), ElementsAre(0, 0));
  EXPECT_THAT(Shares({{10, 1, 0}}, 0), ElementsAre(100));
}

TEST(PriorityLoadTest, NoEndpointsTakeNothing) {
  EXPECT_THAT(Shares({{0, 0, 0}}), ElementsAre(0));
  EXPECT_THAT(Shares({}), ElementsAre());
}

TEST(PriorityLoadTest, AllOfTheLoadIsGivenAway) {
  for (uint32_t healthy = 0; healthy <= 7; ++healthy) {
    for (uint32_t degraded = 0; healthy + degraded <= 7; ++degraded) {
      const std::vector<LevelHealth> levels = {{7, healthy, degraded}, {3, 1, 1}, {11, 2, 3}};
      uint64_t sum = 0;
      for (const LevelLoad& load : SpreadLoad(levels, 0.5)) sum += load.healthy + load.degraded;
      EXPECT_EQ(sum, kAllLoad) << healthy << " " << degraded;
    }
  }
}

}  // namespace
}  // namespace sluice::upstream
