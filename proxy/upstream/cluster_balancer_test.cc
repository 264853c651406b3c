#include "proxy/upstream/cluster_balancer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::upstream {
namespace {

using ::testing::ElementsAre;
using Flag = EndpointHealth::Flag;

constexpr int64_t kSecond = 1'000'000'000;

// An upstream whose endpoints are 10.0.0.1:80, 10.0.0.2:80 ..., and one worker's balancer.
class ClusterBalancerTest : public ::testing::Test {
 protected:
  void Add(int count, uint32_t priority = 0, const std::string& zone = "") {
    for (int i = 0; i < count; ++i) {
      Endpoint endpoint;
      endpoint.name = absl::StrCat("10.0.0.", endpoints_.size() + 1, ":80");
      endpoint.address = *net::Address::Parse(endpoint.name);
      endpoint.priority = priority;
      endpoint.zone = zone;
      endpoints_.push_back(std::move(endpoint));
    }
  }

  void Start() { balancer_.emplace(Shared(), Set(), 42); }
  std::shared_ptr<const Settings> Shared() const {
    return std::make_shared<const Settings>(settings_);
  }
  std::shared_ptr<const EndpointSet> Set() const {
    return std::make_shared<const EndpointSet>(settings_.policy, endpoints_, false,
                                               settings_.subsets.get());
  }

  // From the first to the last of them, numbered from 0.
  void Mark(size_t first, size_t last, Flag flag = EndpointHealth::kFailedCheck) {
    for (size_t i = first; i <= last; ++i) endpoints_[i].health->Set(flag);
    settings_.board->NoteChange();
  }
  void Clear(size_t first, size_t last, Flag flag = EndpointHealth::kFailedCheck) {
    for (size_t i = first; i <= last; ++i) endpoints_[i].health->Clear(flag);
    settings_.board->NoteChange();
  }

  std::vector<int> Count(int picks, int64_t now_ns = 100 * kSecond) {
    std::vector<int> counts(endpoints_.size());
    for (int i = 0; i < picks; ++i) {
      const auto picked = balancer_->Pick({.hash = StableHash(absl::StrCat(i)), .now_ns = now_ns});
      if (picked.has_value()) ++counts[*picked];
    }
    return counts;
  }
  // Of the picks, in per cent; by the endpoints from the first to the last.
  double Percent(size_t first, size_t last, int64_t now_ns = 100 * kSecond) {
    const std::vector<int> counts = Count(kPicks, now_ns);
    int sum = 0;
    for (size_t i = first; i <= last; ++i) sum += counts[i];
    return 100.0 * sum / kPicks;
  }

  static constexpr int kPicks = 20'000;

  Settings settings_;
  std::vector<Endpoint> endpoints_;
  std::optional<ClusterBalancer> balancer_;
};

class EveryPolicy : public ClusterBalancerTest, public ::testing::WithParamInterface<Policy> {
 protected:
  EveryPolicy() { settings_.policy = GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(ClusterBalancer, EveryPolicy,
                         ::testing::Values(Policy::kRoundRobin, Policy::kLeastRequest,
                                           Policy::kIpHash, Policy::kHash, Policy::kMaglev,
                                           Policy::kRandom, Policy::kEwma));

TEST_P(EveryPolicy, AnUnhealthyEndpointIsNotChosenUntilItIsWellAgain) {
  Add(4);
  Start();
  EXPECT_GT(Percent(1, 1), 15);
  Mark(1, 1);
  EXPECT_EQ(Percent(1, 1), 0);
  Clear(1, 1);
  EXPECT_GT(Percent(1, 1), 15);
}

TEST_P(EveryPolicy, AnyFlagButDegradedKeepsRequestsAway) {
  Add(4);
  Start();
  Mark(0, 0, EndpointHealth::kEjected);
  Mark(1, 1, EndpointHealth::kUnchecked);
  Mark(2, 2, EndpointHealth::kDegraded);
  const std::vector<int> counts = Count(1'000);
  EXPECT_EQ(counts[0] + counts[1], 0);
}

TEST_P(EveryPolicy, BelowThePanicThresholdHealthIsIgnored) {
  Add(4);
  Start();
  Mark(0, 1);
  EXPECT_EQ(Percent(0, 1), 0);
  Mark(2, 2);
  EXPECT_NEAR(Percent(0, 1), 50, 8);
}

TEST_P(EveryPolicy, WithoutPanicNoHealthyEndpointMeansNone) {
  settings_.panic_threshold = 0;
  Add(4);
  Start();
  Mark(0, 2);
  EXPECT_EQ(Percent(3, 3), 100);
  Mark(3, 3);
  EXPECT_EQ(balancer_->Pick({}), std::nullopt);
}

TEST_P(EveryPolicy, APanicMayBeToFail) {
  settings_.fail_on_panic = true;
  Add(4);
  Start();
  EXPECT_NE(balancer_->Pick({}), std::nullopt);
  Mark(0, 2);
  EXPECT_EQ(balancer_->Pick({}), std::nullopt);
}

// The share of the one that fails went to the other.
TEST_P(EveryPolicy, OfTwoPrioritiesOneMayFailInItsPanic) {
  settings_.fail_on_panic = true;
  Add(10, 0);
  Add(10, 1);
  Start();
  Mark(0, 4);
  Mark(11, 19);
  // 5 of 10 can take 7 parts, 1 of 10 would take 1.4.
  EXPECT_NEAR(Percent(0, 9), 100 * 7 / 8.4, 2);
  EXPECT_EQ(Percent(10, 19), 0);
}

TEST_P(EveryPolicy, TheSecondPriorityTakesWhatTheFirstCannot) {
  Add(10, 0);
  Add(10, 1);
  Start();
  EXPECT_EQ(Percent(0, 9), 100);
  Mark(0, 4);
  EXPECT_NEAR(Percent(0, 9), 70, 2);
  EXPECT_EQ(Percent(0, 4), 0);
  Mark(5, 9);
  EXPECT_EQ(Percent(10, 19), 100);
}

TEST_P(EveryPolicy, PrioritiesNeedNotFollowEachOther) {
  Add(2, 7);
  Add(2, 3);
  Start();
  EXPECT_EQ(Percent(2, 3), 100);
}

TEST_P(EveryPolicy, DegradedEndpointsServeWhatHealthyOnesCannot) {
  Add(10);
  Start();
  Mark(0, 0, EndpointHealth::kDegraded);
  EXPECT_EQ(Percent(0, 0), 0);
  Mark(0, 4, EndpointHealth::kDegraded);
  EXPECT_NEAR(Percent(0, 4), 30, 2);
}

struct Avoid {
  std::set<uint32_t> tried;
  PickRequest Request(uint64_t hash) const {
    return {.hash = hash,
            .is_excluded =
                [](const void* context, uint32_t endpoint) {
                  return static_cast<const Avoid*>(context)->tried.contains(endpoint);
                },
            .context = this};
  }
};

TEST_P(EveryPolicy, ARetryReachesEveryHealthyEndpointOfAllPriorities) {
  Add(3, 0);
  Add(3, 1);
  Start();
  Mark(1, 1);
  Mark(4, 4, EndpointHealth::kDegraded);
  Avoid avoid;
  while (const auto picked = balancer_->Pick(avoid.Request(7))) avoid.tried.insert(*picked);
  EXPECT_THAT(avoid.tried, ElementsAre(0, 2, 3, 4, 5));
}

TEST_P(EveryPolicy, EndpointsWithoutWeightAreNeitherHealthyNorUnhealthy) {
  Add(4);
  endpoints_[0].weight = endpoints_[1].weight = 0;
  Start();
  Mark(0, 1);
  Mark(2, 2);
  EXPECT_EQ(Percent(3, 3), 100);
}

TEST_P(EveryPolicy, AChangeOfTheEndpointsKeepsTheirHealth) {
  Add(3);
  Start();
  Mark(0, 0);
  Add(1);
  balancer_->Adopt(Shared(), Set());
  const std::vector<int> counts = Count(1'000);
  EXPECT_EQ(counts[0], 0);
  EXPECT_GT(counts[3], 0);
}

TEST_P(EveryPolicy, AChangeOfTheSettingsCountsAtTheNextPick) {
  settings_.panic_threshold = 0;
  Add(2);
  Start();
  Mark(0, 1);
  EXPECT_EQ(balancer_->Pick({}), std::nullopt);
  settings_.panic_threshold = 0.5;
  balancer_->Adopt(Shared(), Set());
  EXPECT_NE(balancer_->Pick({}), std::nullopt);
}

TEST_P(EveryPolicy, NoEndpointsGiveNoPick) {
  Start();
  EXPECT_EQ(balancer_->Pick({}), std::nullopt);
}

class ConsistentPolicy : public EveryPolicy {};

INSTANTIATE_TEST_SUITE_P(ClusterBalancer, ConsistentPolicy,
                         ::testing::Values(Policy::kIpHash, Policy::kHash, Policy::kMaglev));

TEST_P(ConsistentPolicy, AnEndpointThatFallsOutMovesOnlyItsOwnKeys) {
  Add(10);
  Start();
  std::map<uint64_t, uint32_t> usual;
  for (uint64_t key = 0; key < 5'000; ++key) {
    usual[key] = *balancer_->Pick({.hash = StableHash(absl::StrCat(key))});
  }
  Mark(3, 3);
  std::vector<int> moved_to(10);
  for (const auto& [key, endpoint] : usual) {
    const uint32_t now = *balancer_->Pick({.hash = StableHash(absl::StrCat(key))});
    if (endpoint == 3) {
      ++moved_to[now];
    } else {
      EXPECT_EQ(now, endpoint);
    }
  }
  for (const uint32_t other : {0, 1, 2, 4, 5, 6, 7, 8, 9}) EXPECT_GT(moved_to[other], 10) << other;
}

TEST_P(ConsistentPolicy, WhatSpillsToTheSecondPriorityIsAlwaysTheSameKeys) {
  Add(10, 0);
  Add(10, 1);
  Start();
  Mark(0, 4);
  for (uint64_t key = 0; key < 1'000; ++key) {
    const PickRequest request = {.hash = StableHash(absl::StrCat(key))};
    EXPECT_EQ(balancer_->Pick(request), balancer_->Pick(request));
  }
}

TEST_F(ClusterBalancerTest, ARotationGoesOnWhenAnotherEndpointFallsOut) {
  Add(5);
  Start();
  std::vector<uint32_t> round;
  for (int i = 0; i < 5; ++i) round.push_back(*balancer_->Pick({}));
  Mark(round[0], round[0]);
  for (int i = 1; i < 5; ++i) EXPECT_EQ(*balancer_->Pick({}), round[i]);
}

TEST_F(ClusterBalancerTest, ActiveRequestsCountWhateverLaneAnEndpointIsIn) {
  settings_.policy = Policy::kLeastRequest;
  Add(10);
  Start();
  const ActiveRequest busy = balancer_->OnStart(0);
  const ActiveRequest busier = balancer_->OnStart(0);
  Mark(0, 4, EndpointHealth::kDegraded);
  // Of the 30 % that degraded endpoints get it has only what falls to it without an alternative.
  EXPECT_LT(Percent(0, 0), 1);
  EXPECT_GT(Percent(1, 1), 5);
}

TEST_F(ClusterBalancerTest, EndpointsOfTheOwnZoneServeWhileTheyCan) {
  settings_.zone_preference.own_zone = "a";
  Add(3, 0, "a");
  Add(3, 0, "b");
  Start();
  EXPECT_EQ(Percent(0, 2), 100);
}

TEST_F(ClusterBalancerTest, AZoneThatLostEndpointsSpills) {
  settings_.zone_preference.own_zone = "a";
  Add(6, 0, "a");
  Add(6, 0, "b");
  Start();
  Mark(0, 2);
  // 3 of 9 endpoints for half of the requests.
  EXPECT_NEAR(Percent(0, 5), 100 * 2.0 / 3, 2);
}

TEST_F(ClusterBalancerTest, ZonesDoNotCountWithFewEndpoints) {
  settings_.zone_preference.own_zone = "a";
  Add(2, 0, "a");
  Add(3, 0, "b");
  Start();
  EXPECT_NEAR(Percent(0, 1), 40, 2);
}

TEST_F(ClusterBalancerTest, ARetryLeavesTheZoneWhenAllOfItWereTried) {
  settings_.zone_preference.own_zone = "a";
  Add(3, 0, "a");
  Add(3, 0, "b");
  Start();
  Avoid avoid;
  while (const auto picked = balancer_->Pick(avoid.Request(7))) avoid.tried.insert(*picked);
  EXPECT_EQ(avoid.tried.size(), 6u);
}

// Six endpoints, of which the first four are "v1" and the others "v2".
class SubsetTest : public EveryPolicy {
 protected:
  void StartWith(SubsetRules::Fallback fallback) {
    SubsetRules rules;
    rules.selectors = {{"version"}};
    rules.fallback = fallback;
    rules.default_key = SubsetKey({{"version", "v1"}});
    settings_.subsets = std::make_shared<const SubsetRules>(rules);
    Add(6);
    for (size_t i = 0; i < 6; ++i) endpoints_[i].labels["version"] = i < 4 ? "v1" : "v2";
    Start();
  }

  std::set<uint32_t> Served(const std::string& version) {
    const std::string key = version.empty() ? "" : SubsetKey({{"version", version}});
    std::set<uint32_t> served;
    for (int i = 0; i < 1'000; ++i) {
      const auto picked = balancer_->PickFrom(key, {.hash = StableHash(absl::StrCat(i))});
      if (picked.has_value()) served.insert(*picked);
    }
    return served;
  }
};

INSTANTIATE_TEST_SUITE_P(ClusterBalancer, SubsetTest,
                         ::testing::Values(Policy::kRoundRobin, Policy::kLeastRequest,
                                           Policy::kMaglev, Policy::kRandom));

TEST_P(SubsetTest, RequestsStayInTheirSubset) {
  StartWith(SubsetRules::Fallback::kNone);
  EXPECT_THAT(Served("v1"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Served("v2"), ElementsAre(4, 5));
}

TEST_P(SubsetTest, ASubsetHasItsOwnHealth) {
  StartWith(SubsetRules::Fallback::kAny);
  Mark(4, 4);
  EXPECT_THAT(Served("v2"), ElementsAre(5));
  Mark(5, 5);
  EXPECT_THAT(Served("v2"), ElementsAre(4, 5));  // It panics.
  EXPECT_THAT(Served("v1"), ElementsAre(0, 1, 2, 3));
}

TEST_P(SubsetTest, WithoutAFallbackAnUnknownSubsetHasNoEndpoint) {
  StartWith(SubsetRules::Fallback::kNone);
  EXPECT_TRUE(Served("v3").empty());
  EXPECT_TRUE(Served("").empty());
}

TEST_P(SubsetTest, TheFallbackMayBeAnyEndpoint) {
  StartWith(SubsetRules::Fallback::kAny);
  EXPECT_EQ(Served("v3").size(), 6u);
  EXPECT_EQ(Served("").size(), 6u);
}

TEST_P(SubsetTest, TheFallbackMayBeADefaultSubset) {
  StartWith(SubsetRules::Fallback::kDefault);
  EXPECT_THAT(Served("v3"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Served(""), ElementsAre(0, 1, 2, 3));
}

TEST_P(SubsetTest, AChangeOfTheEndpointsMovesThemBetweenSubsets) {
  StartWith(SubsetRules::Fallback::kNone);
  EXPECT_EQ(Served("v1").size(), 4u);
  endpoints_[0].labels["version"] = "v3";
  balancer_->Adopt(Shared(), Set());
  EXPECT_THAT(Served("v1"), ElementsAre(1, 2, 3));
  EXPECT_THAT(Served("v3"), ElementsAre(0));
}

// Each subset that was used once kept endpoints of its own past, with 128 KiB of slots.
TEST_P(SubsetTest, ASubsetThatIsNotUsedHoldsNoEndpointsThatWere) {
  StartWith(SubsetRules::Fallback::kNone);
  for (Endpoint& endpoint : endpoints_) endpoint.labels["version"] = "v1";
  std::weak_ptr<const EndpointTable> first;
  {
    const std::shared_ptr<const EndpointSet> set = Set();
    first = set->table;
    balancer_->Adopt(Shared(), set);
  }
  EXPECT_EQ(Served("v1").size(), 6u);
  balancer_->Adopt(Shared(), Set());
  balancer_->Adopt(Shared(), Set());
  EXPECT_TRUE(first.expired());
}

// Three endpoints that have served for long, and one that came at 100 s; a window of 10 s.
class SlowStartTest : public ClusterBalancerTest, public ::testing::WithParamInterface<Policy> {
 protected:
  void StartWithOneNew() {
    settings_.policy = GetParam();
    settings_.slow_start.window_ns = 10 * kSecond;
    Add(4);
    endpoints_[3].health->SetHealthySince(100 * kSecond);
    Start();
  }
};

INSTANTIATE_TEST_SUITE_P(ClusterBalancer, SlowStartTest,
                         ::testing::Values(Policy::kRoundRobin, Policy::kLeastRequest,
                                           Policy::kRandom));

// Per cent of an endpoint with this share beside three with all of theirs.
double Beside3(double share) { return 100 * share / (3 + share); }

TEST_P(SlowStartTest, TheShareOfANewEndpointGrowsWithTime) {
  StartWithOneNew();
  EXPECT_NEAR(Percent(3, 3, 100 * kSecond), Beside3(0.1), 1);
  EXPECT_NEAR(Percent(3, 3, 105 * kSecond), Beside3(0.5), 1.5);
  EXPECT_NEAR(Percent(3, 3, 110 * kSecond), Beside3(1), 1.5);
}

TEST_P(SlowStartTest, AggressionBendsTheCurve) {
  settings_.slow_start.aggression = 2;
  settings_.slow_start.least = 0.01;
  StartWithOneNew();
  EXPECT_NEAR(Percent(3, 3, 101 * kSecond), Beside3(0.316), 1.5);
}

TEST_P(SlowStartTest, WhereAllAreNewNoneIsSpared) {
  StartWithOneNew();
  for (Endpoint& endpoint : endpoints_) endpoint.health->SetHealthySince(100 * kSecond);
  endpoints_[0].health->SetHealthySince(101 * kSecond);
  settings_.board->NoteChange();
  EXPECT_NEAR(Percent(3, 3, 101 * kSecond), 25, 1.5);
}

TEST_P(SlowStartTest, ManyNewEndpointsKeepTheirShares) {
  StartWithOneNew();
  for (size_t i = 1; i < 4; ++i) endpoints_[i].health->SetHealthySince(100 * kSecond);
  settings_.board->NoteChange();
  EXPECT_NEAR(Percent(0, 0, 100 * kSecond), 100 / 1.3, 2);
}

}  // namespace
}  // namespace sluice::upstream
