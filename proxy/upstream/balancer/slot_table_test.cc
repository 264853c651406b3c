#include "proxy/upstream/balancer/slot_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proxy/upstream/balancer/alias_table.h"
#include "proxy/upstream/balancer/fast_random.h"
#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::upstream {
namespace {

// Endpoint i is server i; sorted by id as the tables want them.
std::vector<SlotCandidate> Servers(const std::vector<uint32_t>& weights) {
  std::vector<SlotCandidate> candidates;
  for (uint16_t i = 0; i < weights.size(); ++i) {
    candidates.push_back({StableHash(absl::StrCat("10.0.0.", i, ":8080")), weights[i], i});
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const SlotCandidate& a, const SlotCandidate& b) { return a.id < b.id; });
  return candidates;
}

std::vector<SlotCandidate> Without(std::vector<SlotCandidate> candidates, uint16_t endpoint) {
  std::erase_if(candidates, [&](const SlotCandidate& c) { return c.endpoint == endpoint; });
  return candidates;
}

// Share of the slots, by endpoint.
std::vector<double> Shares(const SlotTable& table, size_t endpoints) {
  std::vector<double> shares(endpoints);
  for (size_t slot = 0; slot < table.size(); ++slot) {
    shares[table.Owner(slot)] += 1.0 / static_cast<double>(table.size());
  }
  return shares;
}

// Slots whose owner differs although their owner in `before` is not `gone`, as a share of all.
double MovedWithoutNeed(const SlotTable& before, const SlotTable& after, uint16_t gone) {
  size_t moved = 0;
  for (size_t slot = 0; slot < before.size(); ++slot) {
    if (before.Owner(slot) != gone && before.Owner(slot) != after.Owner(slot)) ++moved;
  }
  return static_cast<double>(moved) / static_cast<double>(before.size());
}

TEST(RingTest, RemovingAnEndpointMovesOnlyItsSlots) {
  const auto servers = Servers(std::vector<uint32_t>(10, 1));
  const SlotTable before = SlotTable::Ring(servers);
  for (uint16_t gone = 0; gone < 10; ++gone) {
    EXPECT_EQ(MovedWithoutNeed(before, SlotTable::Ring(Without(servers, gone)), gone), 0.0);
  }
}

TEST(RingTest, RemovingTheHeaviestEndpointMovesOnlyItsSlots) {
  const auto servers = Servers({1, 7, 1000, 3});
  EXPECT_EQ(MovedWithoutNeed(SlotTable::Ring(servers), SlotTable::Ring(Without(servers, 2)), 2),
            0.0);
}

TEST(RingTest, ChangingAWeightMovesSlotsOnlyToOrFromThatEndpoint) {
  const SlotTable before = SlotTable::Ring(Servers({3, 3, 3, 3}));
  const SlotTable after = SlotTable::Ring(Servers({3, 3, 5, 3}));
  for (size_t slot = 0; slot < before.size(); ++slot) {
    if (before.Owner(slot) == after.Owner(slot)) continue;
    EXPECT_EQ(after.Owner(slot), 2);
  }
}

TEST(RingTest, TheSlotsOfARemovedEndpointSpreadOverAllOthers) {
  const auto servers = Servers(std::vector<uint32_t>(10, 1));
  const SlotTable before = SlotTable::Ring(servers);
  const SlotTable after = SlotTable::Ring(Without(servers, 4));
  std::vector<int> gained(10);
  for (size_t slot = 0; slot < before.size(); ++slot) {
    if (before.Owner(slot) == 4) ++gained[after.Owner(slot)];
  }
  for (uint16_t i = 0; i < 10; ++i) {
    if (i == 4) continue;
    EXPECT_NEAR(gained[i], 728, 150) << i;
  }
}

TEST(RingTest, EqualWeightsGetEqualShares) {
  for (const double share : Shares(SlotTable::Ring(Servers(std::vector<uint32_t>(10, 1))), 10)) {
    EXPECT_NEAR(share, 0.1, 0.004);
  }
}

TEST(RingTest, SharesFollowWeights) {
  const std::vector<double> shares = Shares(SlotTable::Ring(Servers({1, 2, 4, 9})), 4);
  EXPECT_NEAR(shares[0], 1.0 / 16, 0.004);
  EXPECT_NEAR(shares[1], 2.0 / 16, 0.005);
  EXPECT_NEAR(shares[2], 4.0 / 16, 0.006);
  EXPECT_NEAR(shares[3], 9.0 / 16, 0.006);
}

TEST(RingTest, ExtremeWeightsAreFilledAndRight) {
  std::vector<uint32_t> weights(4096, 1);
  weights[17] = 65535;
  const std::vector<double> shares = Shares(SlotTable::Ring(Servers(weights)), weights.size());
  EXPECT_NEAR(shares[17], 65535.0 / (65535 + 4095), 0.004);
}

TEST(RingTest, EveryOneOf4096EqualEndpointsServesSomething) {
  const std::vector<double> shares =
      Shares(SlotTable::Ring(Servers(std::vector<uint32_t>(4096, 1))), 4096);
  EXPECT_GE(*std::min_element(shares.begin(), shares.end()), 1.0 / 65536);
  EXPECT_LE(*std::max_element(shares.begin(), shares.end()), 36.0 / 65536);
}

// The table is a contract between proxies of different versions and processors.
TEST(RingTest, TheTableIsTheSameInEveryRelease) {
  uint64_t digest = 0;
  const SlotTable table = SlotTable::Ring(Servers({1, 2, 3, 60, 5}));
  for (size_t slot = 0; slot < table.size(); ++slot) digest = digest * 31 + table.Owner(slot);
  EXPECT_EQ(digest, 506420913325068079u);
}

TEST(MaglevTest, TheTableIsTheSameInEveryRelease) {
  uint64_t digest = 0;
  const SlotTable table = SlotTable::Maglev(Servers({1, 2, 3, 60, 5}));
  for (size_t slot = 0; slot < table.size(); ++slot) digest = digest * 31 + table.Owner(slot);
  EXPECT_EQ(digest, 13193669214932695530u);
}

TEST(MaglevTest, SharesAreExactButForRounding) {
  const std::vector<uint32_t> weights = {1, 2, 4, 9, 100, 3000};
  const SlotTable table = SlotTable::Maglev(Servers(weights));
  const std::vector<double> shares = Shares(table, weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_NEAR(shares[i] * 65537, weights[i] * 65537.0 / 3116, 1.01) << i;
  }
}

TEST(MaglevTest, OneHeavyEndpointLeavesAllOthersTheirSlot) {
  std::vector<uint32_t> weights(2048, 1);
  weights[5] = 65535 - 2047;
  const std::vector<double> shares = Shares(SlotTable::Maglev(Servers(weights)), weights.size());
  EXPECT_EQ(std::count_if(shares.begin(), shares.end(), [](double s) { return s > 0; }), 2048);
}

TEST(MaglevTest, RemovingAnEndpointMovesFewOtherSlots) {
  const auto servers = Servers(std::vector<uint32_t>(10, 1));
  const SlotTable before = SlotTable::Maglev(servers);
  for (uint16_t gone = 0; gone < 10; ++gone) {
    const double moved = MovedWithoutNeed(before, SlotTable::Maglev(Without(servers, gone)), gone);
    EXPECT_LT(moved, 0.04) << gone;
  }
}

TEST(SlotTableTest, CountersAsHashesReachEverySlotRange) {
  const SlotTable table = SlotTable::Ring(Servers({1, 1, 1, 1}));
  std::vector<int> hits(4);
  for (uint64_t i = 0; i < 4000; ++i) ++hits[table.Owner(table.First(i))];
  for (int hit : hits) EXPECT_NEAR(hit, 1000, 120);
}

TEST(SlotTableTest, TheWalkVisitsEverySlotBeforeItRepeats) {
  const uint64_t hash = StableHash("anyone");
  for (const SlotTable& table :
       {SlotTable::Ring(Servers({1, 1})), SlotTable::Maglev(Servers({1}))}) {
    std::vector<bool> seen(table.size());
    size_t slot = table.First(hash);
    for (size_t i = 0; i < table.size(); ++i, slot = table.Next(slot, hash)) seen[slot] = true;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
  }
}

TEST(StableHashTest, IsXxh3AsFrozen) {
  EXPECT_EQ(StableHash(""), 0x2d06800538d394c2u);
  EXPECT_EQ(StableHash("10.0.0.1:8080"), 13138588514222100497u);
}

TEST(AliasTableTest, DrawsFollowWeights) {
  const std::vector<uint32_t> weights = {1, 10, 100, 65535, 7};
  const AliasTable table(weights);
  FastRandom random(1);
  std::vector<double> drawn(weights.size());
  constexpr int kDraws = 2'000'000;
  for (int i = 0; i < kDraws; ++i) ++drawn[table.Draw(random.Next())];
  for (size_t i = 0; i < weights.size(); ++i) {
    const double expected = kDraws * (weights[i] / 65653.0);
    EXPECT_NEAR(drawn[i], expected, 5 * std::sqrt(expected)) << i;
  }
}

TEST(AliasTableTest, EqualWeightsDrawUniformly) {
  const AliasTable table(std::vector<uint32_t>(3, 9));
  FastRandom random(2);
  std::vector<int> drawn(3);
  for (int i = 0; i < 300'000; ++i) ++drawn[table.Draw(random.Next())];
  for (int count : drawn) EXPECT_NEAR(count, 100'000, 1'500);
}

}  // namespace
}  // namespace sluice::upstream
