#include "tools/fleetsim/fleet_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::fleetsim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);

absl::Time At(int ms) { return kStart + absl::Milliseconds(ms); }

TEST(FleetLogTest, EachPairOfProxyAndCommitCountsOnce) {
  FleetLog log;
  log.OnActive(1, 2, At(0), At(5));
  log.OnActive(1, 2, At(0), At(7));
  EXPECT_THAT(log.Latencies(), ElementsAre(absl::Milliseconds(5), absl::Milliseconds(7)));
}

// One proxy went from 1 to 3 at once: it had to wait longer for 2 than for 3.
TEST(FleetLogTest, ASkippedCommitIsThereWithTheNextOne) {
  FleetLog log;
  log.OnActive(1, 2, At(0), At(5));
  log.OnActive(2, 3, At(10), At(20));
  log.OnActive(1, 3, At(10), At(21));
  EXPECT_THAT(log.Latencies(), ElementsAre(absl::Milliseconds(5), absl::Milliseconds(10),
                                           absl::Milliseconds(21), absl::Milliseconds(11)));
}

TEST(FleetLogTest, ACommitThatAllSkippedCountsToo) {
  FleetLog log;
  log.OnCommit(2, At(0));
  log.OnActive(1, 3, At(10), At(21));
  EXPECT_THAT(log.Latencies(), ElementsAre(absl::Milliseconds(21), absl::Milliseconds(11)));
}

TEST(FleetLogTest, WhatWasBeforeAResetIsForgotten) {
  FleetLog log;
  log.OnActive(1, 2, At(0), At(5));
  log.Reset();
  EXPECT_THAT(log.Latencies(), IsEmpty());
}

TEST(PercentilesTest, NinetyNineOfAHundredAreNotAboveTheNinetyNinth) {
  std::vector<absl::Duration> durations;
  for (int ms = 100; ms > 0; --ms) durations.push_back(absl::Milliseconds(ms));
  const Percentiles result = PercentilesOf(durations);
  EXPECT_EQ(result.p50, absl::Milliseconds(50));
  EXPECT_EQ(result.p99, absl::Milliseconds(99));
  EXPECT_EQ(result.max, absl::Milliseconds(100));
}

}  // namespace
}  // namespace sluice::fleetsim
