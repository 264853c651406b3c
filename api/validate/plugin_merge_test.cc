#include "api/validate/plugin_merge.h"

#include <map>
#include <vector>

#include "api/validate/plugin_order.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::validate {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> LayersOf(const v1::Resource& resource) {
  std::vector<std::string> layers;
  ForEachPluginLayer(resource, [&layers](resource::Kind kind, const std::string& name) {
    layers.push_back(resource::Key{kind, "", name}.ToString());
  });
  return layers;
}

TEST(PluginLayersTest, OfARouteAreItsServiceItsSetsInOrderAndItself) {
  v1::Resource route;
  route.set_name("orders");
  route.mutable_route()->set_service("shop");
  route.mutable_route()->add_plugin_sets("zebra");
  route.mutable_route()->add_plugin_sets("ape");
  EXPECT_THAT(LayersOf(route),
              ElementsAre("Service/shop", "PluginSet/zebra", "PluginSet/ape", "Route/orders"));
}

TEST(PluginLayersTest, OfARouteWithoutAnyAreItselfAlone) {
  v1::Resource route;
  route.set_name("orders");
  route.mutable_route()->set_upstream("orders");
  EXPECT_THAT(LayersOf(route), ElementsAre("Route/orders"));
}

TEST(PluginLayersTest, OfAConsumerAreItsGroupAndItself) {
  v1::Resource consumer;
  consumer.set_name("alice");
  consumer.mutable_consumer()->set_consumer_group("gold");
  EXPECT_THAT(LayersOf(consumer), ElementsAre("ConsumerGroup/gold", "Consumer/alice"));
}

using Layer = std::map<std::string, int>;

TEST(MergePluginsTest, TheLastLayerCountsAndTheOthersAreTold) {
  const Layer service = {{"a", 1}, {"b", 2}}, set = {{"c", 3}}, route = {{"a", 4}};
  const auto merged = MergePlugins<Layer>({&service, &set, &route});
  ASSERT_EQ(merged.size(), 3u);
  EXPECT_EQ(*merged.at("a").word, 4);
  EXPECT_THAT(merged.at("a").said_in, ElementsAre(0, 2));
  EXPECT_EQ(*merged.at("b").word, 2);
  EXPECT_EQ(*merged.at("c").word, 3);
}

TEST(PluginOrderTest, PhaseThenGlobalThenRankThenPlaceThenName) {
  const PluginOrder later_phase = {.phase = Phase::kAccess, .is_of_route = false, .name = "a"};
  const PluginOrder global = {
      .phase = Phase::kTrace, .is_of_route = false, .rank = 9, .place = 9, .name = "z"};
  const PluginOrder ranked = {.phase = Phase::kTrace, .rank = 0, .place = 9, .name = "z"};
  const PluginOrder placed = {.phase = Phase::kTrace, .rank = 1, .place = 1, .name = "z"};
  const PluginOrder named = {.phase = Phase::kTrace, .rank = 1, .place = 2, .name = "a"};
  const std::vector<PluginOrder> order = {global, ranked, placed, named, later_phase};
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    EXPECT_TRUE(order[i] < order[i + 1]) << i;
    EXPECT_FALSE(order[i + 1] < order[i]) << i;
  }
}

TEST(PluginOrderTest, WhatPluginOrderDoesNotNameRanksBehindWhatItDoes) {
  const std::vector<std::string> order = {"rewrite", "headers"};
  EXPECT_EQ(RankIn(order, "rewrite"), 0u);
  EXPECT_EQ(RankIn(order, "headers"), 1u);
  EXPECT_EQ(RankIn(order, "redirect"), 2u);
}

}  // namespace
}  // namespace sluice::validate
