#include "proxy/upstream/zone_split.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/upstream/priority_load.h"

namespace sluice::upstream {
namespace {

// An endpoint of weight 1 for each letter: its zone; "-" is none.
ZoneSplit Split(absl::string_view zones_of, absl::string_view own, size_t zones) {
  static const std::string kNames = "abcdefgh";
  std::vector<ZonedEndpoint> endpoints;
  for (const char zone : zones_of) {
    const auto index = static_cast<uint32_t>(endpoints.size());
    const size_t at = kNames.find(zone);
    endpoints.push_back(
        {{index, 1}, zone == '-' ? absl::string_view() : absl::string_view(kNames).substr(at, 1)});
  }
  return SplitByZone(endpoints, own, zones);
}

double Near(const ZoneSplit& split) {
  return static_cast<double>(split.near_load) / static_cast<double>(kAllLoad);
}

double FarShare(const ZoneSplit& split, uint32_t endpoint) {
  double total = 0, own = 0;
  for (const EndpointShare& share : split.far) {
    total += share.weight;
    if (share.endpoint == endpoint) own = share.weight;
  }
  return own / total;
}

TEST(ZoneSplitTest, EvenZonesKeepTheirRequests) {
  const ZoneSplit split = Split("aabbcc", "b", 3);
  EXPECT_EQ(split.near_load, kAllLoad);
  ASSERT_EQ(split.near.size(), 2u);
  EXPECT_EQ(split.near[0].endpoint, 2u);
  EXPECT_EQ(split.far.size(), 4u);
}

TEST(ZoneSplitTest, AZoneWithMoreThanItsPartKeepsAll) {
  EXPECT_EQ(Split("aaaab", "a", 2).near_load, kAllLoad);
}

TEST(ZoneSplitTest, AZoneWithLessSendsTheRestAway) {
  // A quarter of the endpoints in one of two zones: half of its requests.
  EXPECT_NEAR(Near(Split("abbb", "a", 2)), 0.5, 1e-6);
}

TEST(ZoneSplitTest, TheRestGoesToZonesThatHaveSomeToSpare) {
  // a has 1/8, b 2/8 and c 5/8, of a demand of 1/3 each: only c has more than it needs.
  const ZoneSplit split = Split("abbccccc", "a", 3);
  EXPECT_NEAR(Near(split), 3.0 / 8, 1e-6);
  EXPECT_LT(FarShare(split, 1), 0.001);
  EXPECT_NEAR(FarShare(split, 3), 0.2, 0.001);
}

TEST(ZoneSplitTest, EveryZoneTogetherGetsItsPartOfTheEndpoints) {
  // What all zones send to one endpoint of c is what one in eight should get.
  double load = Near(Split("abbccccc", "c", 3)) / 5 / 3;
  for (const absl::string_view own : {"a", "b"}) {
    const ZoneSplit split = Split("abbccccc", own, 3);
    load += (1 - Near(split)) * FarShare(split, 3) / 3;
  }
  EXPECT_NEAR(load, 1.0 / 8, 0.001);
}

TEST(ZoneSplitTest, AZoneThatIsDownStillHasItsRequests) {
  // Of three zones, c has no healthy endpoint: a and b have half, and keep theirs.
  EXPECT_EQ(Split("aabb", "a", 3).near_load, kAllLoad);
  const ZoneSplit split = Split("aabb", "c", 3);
  EXPECT_EQ(split.near_load, 0u);
  EXPECT_NEAR(FarShare(split, 0), 0.25, 1e-6);
}

TEST(ZoneSplitTest, EndpointsWithoutAZoneTakeWhatIsSpilled) {
  const ZoneSplit split = Split("abb-", "a", 2);
  EXPECT_NEAR(Near(split), 0.5, 1e-6);
  EXPECT_GT(FarShare(split, 3), 0.99);
}

}  // namespace
}  // namespace sluice::upstream
