#include "proxy/upstream/health/rates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::upstream::health {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using Rates = std::vector<OutlierRecord::Rates>;

// All with 1 % of failures but for the last.
Rates Fleet(size_t hosts, uint32_t last_failures, uint32_t requests = 100) {
  Rates rates(hosts, {requests, requests / 100});
  rates.back().failures = last_failures;
  return rates;
}

TEST(RatesTest, WhoFailsFarMoreOftenThanTheRestStandsOut) {
  OutlierPolicy policy;
  EXPECT_THAT(FindOutliers(policy, Fleet(5, 50)), ElementsAre(Pair(4, Ejection::kSuccessRate)));
  EXPECT_THAT(FindOutliers(policy, Fleet(5, 1)), IsEmpty());
}

TEST(RatesTest, WhereAllFailAlikeNobodyStandsOut) {
  EXPECT_THAT(FindOutliers(OutlierPolicy(), Rates(7, {300, 97})), IsEmpty());
}

TEST(RatesTest, TooFewEndpointsOrRequestsAreNotCompared) {
  OutlierPolicy policy;
  EXPECT_THAT(FindOutliers(policy, Fleet(4, 50)), IsEmpty());
  EXPECT_THAT(FindOutliers(policy, Fleet(5, 50, 99)), IsEmpty());
  Rates idle = Fleet(5, 50);
  idle[0] = {0, 0};
  EXPECT_THAT(FindOutliers(policy, idle), IsEmpty());
  EXPECT_THAT(FindOutliers(policy, {}), IsEmpty());
}

TEST(RatesTest, SuccessRatesAreComparedOnlyWhereThatIsWanted) {
  OutlierPolicy policy;
  policy.success_rate.is_enforced = false;
  EXPECT_THAT(FindOutliers(policy, Fleet(5, 100)), IsEmpty());
}

TEST(RatesTest, AFailurePercentageIsABoundForAll) {
  OutlierPolicy policy;
  policy.success_rate.is_enforced = false;
  policy.failure_percentage.is_enforced = true;
  policy.failure_percentage.minimum_hosts = 1;
  EXPECT_THAT(FindOutliers(policy, {{50, 43}, {50, 42}, {49, 49}}),
              ElementsAre(Pair(0, Ejection::kFailurePercentage)));
}

TEST(RatesTest, EachIsEjectedOnce) {
  OutlierPolicy policy;
  policy.failure_percentage.is_enforced = true;
  EXPECT_THAT(FindOutliers(policy, Fleet(6, 100)), ElementsAre(Pair(5, Ejection::kSuccessRate)));
}

}  // namespace
}  // namespace sluice::upstream::health
