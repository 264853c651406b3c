#include "proxy/upstream/balancer/balancer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::upstream {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

std::shared_ptr<const EndpointTable> Table(Policy policy, const std::vector<uint32_t>& weights) {
  std::vector<BalancedEndpoint> endpoints;
  for (size_t i = 0; i < weights.size(); ++i) {
    endpoints.push_back({StableHash(absl::StrCat("server-", i)), weights[i]});
  }
  return std::make_shared<EndpointTable>(policy, std::move(endpoints));
}

// A balancer with the loads that it weighs.
class Balanced {
 public:
  Balanced(std::shared_ptr<const EndpointTable> table, uint64_t seed)
      : loads_(*table), balancer_(std::move(table), loads_, seed) {}

  void Adopt(std::shared_ptr<const EndpointTable> table) {
    loads_.Adopt(*table);
    balancer_.Adopt(std::move(table));
  }
  std::optional<uint32_t> Pick(const PickRequest& request) { return balancer_.Pick(request); }
  ActiveRequest OnStart(uint32_t endpoint) { return loads_.OnStart(endpoint); }
  const EndpointTable& table() const { return balancer_.table(); }

 private:
  struct Loads : EndpointLoads {
    explicit Loads(const EndpointTable& table) { Adopt(table); }
  };

  Loads loads_;
  Balancer balancer_;
};

std::vector<uint32_t> Equal(size_t n) { return std::vector<uint32_t>(n, 1); }

// Requests of users "u0", "u1" ... that must avoid the endpoints of `excluded`.
struct Avoiding {
  std::set<uint32_t> excluded;

  PickRequest Request(uint64_t user = 0) const {
    return {.hash = StableHash(absl::StrCat("u", user)),
            .is_excluded =
                [](const void* context, uint32_t endpoint) {
                  return static_cast<const Avoiding*>(context)->excluded.contains(endpoint);
                },
            .context = this};
  }
};

std::vector<int> Count(Balanced& balancer, int picks, const Avoiding& avoiding = {}) {
  std::vector<int> counts(balancer.table().endpoints().size());
  for (int i = 0; i < picks; ++i) ++counts[*balancer.Pick(avoiding.Request(i))];
  return counts;
}

PickRequest At(int64_t now_ns) {
  PickRequest request;
  request.now_ns = now_ns;
  return request;
}

// Pearson's statistic against the weights; for k endpoints it is k - 1 on average, and above
// k - 1 + 5 sqrt(2 (k - 1)) about never.
double ChiSquare(const std::vector<int>& counts, const std::vector<uint32_t>& weights) {
  double total_weight = 0;
  double picks = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    total_weight += weights[i];
    picks += counts[i];
  }
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = picks * weights[i] / total_weight;
    if (expected > 0) sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return sum;
}

class EveryPolicyTest : public ::testing::TestWithParam<Policy> {};

INSTANTIATE_TEST_SUITE_P(Balancer, EveryPolicyTest,
                         ::testing::Values(Policy::kRoundRobin, Policy::kLeastRequest,
                                           Policy::kIpHash, Policy::kHash, Policy::kMaglev,
                                           Policy::kRandom, Policy::kEwma));

TEST_P(EveryPolicyTest, NoEndpointsGiveNoPick) {
  Balanced balancer(Table(GetParam(), {}), 1);
  EXPECT_EQ(balancer.Pick({}), std::nullopt);
}

TEST_P(EveryPolicyTest, WeightZeroGetsNothing) {
  Balanced balancer(Table(GetParam(), {0, 3, 0, 5}), 1);
  const std::vector<int> counts = Count(balancer, 10'000);
  EXPECT_EQ(counts[0], 0);
  EXPECT_EQ(counts[2], 0);
}

TEST_P(EveryPolicyTest, OnlyEndpointsWithoutWeightGiveNoPick) {
  Balanced balancer(Table(GetParam(), {0, 0}), 1);
  EXPECT_EQ(balancer.Pick({.hash = 7}), std::nullopt);
}

TEST_P(EveryPolicyTest, AnExcludedEndpointIsNeverPicked) {
  Balanced balancer(Table(GetParam(), {1, 100, 1}), 1);
  EXPECT_EQ(Count(balancer, 1'000, {.excluded = {1}})[1], 0);
}

TEST_P(EveryPolicyTest, TheLastUsableOf4096IsFound) {
  Balanced balancer(Table(GetParam(), Equal(4096)), 1);
  Avoiding avoiding;
  for (uint32_t i = 0; i < 4096; ++i) avoiding.excluded.insert(i);
  avoiding.excluded.erase(1234);
  EXPECT_EQ(balancer.Pick(avoiding.Request()), 1234);
}

TEST_P(EveryPolicyTest, AllExcludedGiveNoPick) {
  Balanced balancer(Table(GetParam(), {1, 2}), 1);
  EXPECT_EQ(balancer.Pick(Avoiding{.excluded = {0, 1}}.Request()), std::nullopt);
}

TEST_P(EveryPolicyTest, TheOnlyEndpointIsNotPickedIfItIsExcluded) {
  Balanced balancer(Table(GetParam(), {1}), 1);
  EXPECT_EQ(balancer.Pick({}), 0);
  EXPECT_EQ(balancer.Pick(Avoiding{.excluded = {0}}.Request()), std::nullopt);
}

TEST_P(EveryPolicyTest, SharesFollowWeights) {
  const std::vector<uint32_t> weights = {1, 2, 3, 4, 10};
  Balanced balancer(Table(GetParam(), weights), 42);
  const std::vector<int> counts = Count(balancer, 20'000);
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_NEAR(counts[i] / 20'000.0, weights[i] / 20.0, 0.01) << i;
  }
}

TEST_P(EveryPolicyTest, AnExchangeWhileRequestsAreActiveIsSafe) {
  auto balancer = std::make_unique<Balanced>(Table(GetParam(), {1, 1}), 1);
  ActiveRequest active = balancer->OnStart(*balancer->Pick({}));
  balancer->Adopt(Table(GetParam(), {}));
  balancer->Adopt(Table(GetParam(), {1}));
  balancer.reset();
  active.OnEnd(1'000, 1);
}

class RandomPolicyTest : public ::testing::TestWithParam<Policy> {};

// The policies whose picks are independent draws as long as nothing is active.
INSTANTIATE_TEST_SUITE_P(Balancer, RandomPolicyTest,
                         ::testing::Values(Policy::kRandom, Policy::kLeastRequest, Policy::kEwma));

TEST_P(RandomPolicyTest, IdleSharesAreThoseOfAFairDraw) {
  const std::vector<uint32_t> weights = {1, 2, 3, 4, 10, 20, 30, 40, 50, 60};
  Balanced balancer(Table(GetParam(), weights), 7);
  EXPECT_LT(ChiSquare(Count(balancer, 100'000), weights), 9 + 5 * std::sqrt(18));
}

TEST_P(RandomPolicyTest, TheShareOfAnExcludedEndpointGoesToAllOthersByWeight) {
  Balanced balancer(Table(GetParam(), {1'000'000, 1, 2, 3}), 7);
  const std::vector<int> counts = Count(balancer, 60'000, {.excluded = {0}});
  EXPECT_LT(ChiSquare(counts, {0, 1, 2, 3}), 2 + 5 * std::sqrt(4));
}

class ConsistentPolicyTest : public ::testing::TestWithParam<Policy> {};

INSTANTIATE_TEST_SUITE_P(Balancer, ConsistentPolicyTest,
                         ::testing::Values(Policy::kIpHash, Policy::kHash, Policy::kMaglev));

TEST_P(ConsistentPolicyTest, AllWorkersAndProxiesAgreeWhateverTheOrderInTheFile) {
  std::vector<BalancedEndpoint> endpoints;
  for (int i = 0; i < 20; ++i) {
    endpoints.push_back({StableHash(absl::StrCat(i)), 1u + static_cast<uint32_t>(i) % 3});
  }
  Balanced here(std::make_shared<EndpointTable>(GetParam(), endpoints), 1);
  std::reverse(endpoints.begin(), endpoints.end());
  Balanced there(std::make_shared<EndpointTable>(GetParam(), endpoints), 2);
  for (uint64_t user = 0; user < 1'000; ++user) {
    const PickRequest request = {.hash = StableHash(absl::StrCat(user))};
    EXPECT_EQ(*here.Pick(request), 19 - *there.Pick(request));
  }
}

TEST_P(ConsistentPolicyTest, AnExclusionMovesOnlyTheUsersOfThatEndpoint) {
  Balanced balancer(Table(GetParam(), Equal(10)), 1);
  const Avoiding nobody;
  const Avoiding third = {.excluded = {3}};
  for (uint64_t user = 0; user < 5'000; ++user) {
    const uint32_t usual = *balancer.Pick(nobody.Request(user));
    if (usual == 3) continue;
    EXPECT_EQ(*balancer.Pick(third.Request(user)), usual);
  }
}

TEST_P(ConsistentPolicyTest, TheUsersOfAnExcludedEndpointSpreadOverAllOthers) {
  Balanced balancer(Table(GetParam(), Equal(5)), 1);
  const std::vector<int> usual = Count(balancer, 50'000);
  const std::vector<int> now = Count(balancer, 50'000, {.excluded = {3}});
  for (uint32_t i : {0, 1, 2, 4}) EXPECT_NEAR(now[i] - usual[i], 2'500, 400) << i;
}

TEST_P(ConsistentPolicyTest, RemovingAnEndpointMovesLittleMoreThanItsShare) {
  Balanced before(Table(GetParam(), Equal(10)), 1);
  Balanced after(Table(GetParam(), {1, 1, 1, 1, 0, 1, 1, 1, 1, 1}), 1);
  int moved = 0;
  for (uint64_t user = 0; user < 20'000; ++user) {
    const PickRequest request = {.hash = StableHash(absl::StrCat(user))};
    moved += *before.Pick(request) != *after.Pick(request);
  }
  EXPECT_LT(moved, 20'000 * (GetParam() == Policy::kMaglev ? 0.15 : 0.105));
}

TEST_P(ConsistentPolicyTest, RequestsWithoutAHashAreSpreadByWeight) {
  Balanced balancer(Table(GetParam(), {1, 3}), 9);
  std::vector<int> counts(2);
  for (int i = 0; i < 40'000; ++i) ++counts[*balancer.Pick({})];
  EXPECT_LT(ChiSquare(counts, {1, 3}), 1 + 5 * std::sqrt(2));
}

TEST(RoundRobinTest, EqualEndpointsTakeStrictTurns) {
  Balanced balancer(Table(Policy::kRoundRobin, Equal(7)), 3);
  std::vector<uint32_t> round;
  for (int i = 0; i < 7; ++i) round.push_back(*balancer.Pick({}));
  for (int i = 7; i < 700; ++i) EXPECT_EQ(*balancer.Pick({}), round[i % 7]);
  std::sort(round.begin(), round.end());
  EXPECT_THAT(round, ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST(RoundRobinTest, AHeavyEndpointHasItsTurnsSpreadOut) {
  Balanced balancer(Table(Policy::kRoundRobin, {5, 1, 1}), 3);
  int in_a_row = 0;
  for (int i = 0; i < 700; ++i) {
    in_a_row = *balancer.Pick({}) == 0 ? in_a_row + 1 : 0;
    EXPECT_LE(in_a_row, 5);
  }
}

TEST(RoundRobinTest, SharesAreExactButForOneTurn) {
  const std::vector<uint32_t> weights = {1, 10, 100, 889};
  Balanced balancer(Table(Policy::kRoundRobin, weights), 11);
  const std::vector<int> counts = Count(balancer, 100'000);
  for (size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(counts[i], 100.0 * weights[i], 2) << i;
}

TEST(RoundRobinTest, WorkersStartAtDifferentPlaces) {
  const auto table = Table(Policy::kRoundRobin, Equal(100));
  std::set<uint32_t> first;
  for (uint64_t worker = 0; worker < 16; ++worker) first.insert(*Balanced(table, worker).Pick({}));
  EXPECT_GT(first.size(), 10u);
}

TEST(RoundRobinTest, AnExchangeOfTheTableContinuesTheRotation) {
  Balanced balancer(Table(Policy::kRoundRobin, Equal(8)), 3);
  std::set<uint32_t> seen;
  for (int i = 0; i < 4; ++i) seen.insert(*balancer.Pick({}));
  balancer.Adopt(Table(Policy::kRoundRobin, Equal(8)));
  for (int i = 0; i < 4; ++i) seen.insert(*balancer.Pick({}));
  EXPECT_EQ(seen.size(), 8u);
}

TEST(RoundRobinTest, ExchangesWithEveryRequestKeepTheSharesFair) {
  Balanced balancer(Table(Policy::kRoundRobin, Equal(10)), 3);
  std::vector<int> counts(10);
  for (int i = 0; i < 1'000; ++i) {
    ++counts[*balancer.Pick({})];
    balancer.Adopt(Table(Policy::kRoundRobin, Equal(10)));
  }
  EXPECT_THAT(counts, Each(100));
}

TEST(LeastRequestTest, ABusyEndpointIsPassedOver) {
  Balanced balancer(Table(Policy::kLeastRequest, {1, 1}), 5);
  const ActiveRequest busy = balancer.OnStart(0);
  EXPECT_LE(Count(balancer, 100)[0], 2);
}

TEST(LeastRequestTest, ActiveRequestsFollowWeightsUnderLoad) {
  Balanced balancer(Table(Policy::kLeastRequest, {1, 2, 3, 4}), 5);
  std::vector<ActiveRequest> active;
  std::vector<int> counts(4);
  for (int i = 0; i < 1'000; ++i) {
    const uint32_t endpoint = *balancer.Pick({});
    ++counts[endpoint];
    active.push_back(balancer.OnStart(endpoint));
  }
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(counts[i], 100 * (i + 1), 15) << i;
}

TEST(LeastRequestTest, AnEndedRequestNoLongerCounts) {
  Balanced balancer(Table(Policy::kLeastRequest, {1, 1}), 5);
  balancer.OnStart(0).OnEnd(1'000, 1);
  EXPECT_GT(Count(balancer, 100)[0], 20);
}

TEST(LeastRequestTest, ActiveRequestsSurviveAnExchange) {
  Balanced balancer(Table(Policy::kLeastRequest, {1, 1, 1}), 5);
  ActiveRequest busy = balancer.OnStart(1);
  // The same servers, of which the first is gone: the busy one has another index now.
  std::vector<BalancedEndpoint> rest(balancer.table().endpoints().begin() + 1,
                                     balancer.table().endpoints().end());
  balancer.Adopt(std::make_shared<EndpointTable>(Policy::kLeastRequest, rest));
  EXPECT_LE(Count(balancer, 100)[0], 2);
  busy.OnEnd(1'000, 1);
  EXPECT_GT(Count(balancer, 100)[0], 20);
}

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;

// Each of two endpoints has answered once, at time 1.
class EwmaTest : public ::testing::Test {
 protected:
  void Answer(uint32_t endpoint, int64_t latency_ns, int64_t now_ns) {
    balancer_.OnStart(endpoint).OnEnd(latency_ns, now_ns);
  }

  double Share(uint32_t endpoint, int64_t now_ns) {
    int picked = 0;
    for (int i = 0; i < 1'000; ++i) picked += *balancer_.Pick(At(now_ns)) == endpoint;
    return picked / 1'000.0;
  }

  Balanced balancer_{Table(Policy::kEwma, {1, 1}), 5};
};

TEST_F(EwmaTest, TheFasterEndpointIsPreferred) {
  Answer(0, 10 * kMillisecond, 1);
  Answer(1, 2 * kMillisecond, 1);
  EXPECT_GT(Share(1, 1), 0.99);
}

TEST_F(EwmaTest, LoadOnTheFasterEndpointWinsTheOtherBack) {
  Answer(0, 10 * kMillisecond, 1);
  Answer(1, 4 * kMillisecond, 1);
  const ActiveRequest first = balancer_.OnStart(1);
  EXPECT_GT(Share(1, 1), 0.99);
  const ActiveRequest second = balancer_.OnStart(1);
  EXPECT_LT(Share(1, 1), 0.01);
}

TEST_F(EwmaTest, OneSlowResponseCountsAtOnce) {
  Answer(0, 2 * kMillisecond, 1);
  for (int i = 0; i < 50; ++i) Answer(1, 1 * kMillisecond, 1);
  Answer(1, 500 * kMillisecond, 2);
  EXPECT_LT(Share(1, 2), 0.01);
}

TEST_F(EwmaTest, ASlowEndpointIsTriedAgainAfterSilence) {
  Answer(0, 2 * kMillisecond, 1);
  Answer(1, 500 * kMillisecond, 1);
  Answer(0, 2 * kMillisecond, 90 * kSecond);
  EXPECT_GT(Share(1, 90 * kSecond), 0.99);
}

TEST_F(EwmaTest, AFastFailureRepels) {
  Answer(0, 2 * kMillisecond, 1);
  balancer_.OnStart(1).OnFailure(2);
  EXPECT_LT(Share(1, 2), 0.01);
}

TEST_F(EwmaTest, ANewEndpointIsTriedByOneRequestAtATime) {
  Answer(0, 2 * kMillisecond, 1);
  EXPECT_GT(Share(1, 2), 0.99);
  const ActiveRequest trial = balancer_.OnStart(1);
  EXPECT_LT(Share(1, 2), 0.01);
}

TEST_F(EwmaTest, LatencySurvivesAnExchange) {
  Answer(0, 10 * kMillisecond, 1);
  Answer(1, 2 * kMillisecond, 1);
  balancer_.Adopt(Table(Policy::kEwma, {1, 1, 0}));
  EXPECT_GT(Share(1, 1), 0.99);
}

}  // namespace
}  // namespace sluice::upstream
