#include "controlplane/fleet/view/needs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/resource/digest.h"
#include "controlplane/fleet/testing/desired.h"

namespace sluice::fleet {
namespace {

using resource::Kind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Needs Of(const v1::Resource& resource) {
  return NeedsOf(resource::KeyOf(resource), resource::Serialise(resource));
}

TEST(NeedsTest, EveryReferenceOfARouteIsFoundOnce) {
  v1::Resource route = RouteTo("u", "r", {"edge", "core"});
  route.mutable_route()->add_listeners("public");
  route.mutable_route()->add_plugin_sets("p");
  route.mutable_route()->add_plugin_sets("p");
  const Needs needs = Of(route);
  EXPECT_THAT(needs.groups, ElementsAre("core", "edge"));
  EXPECT_THAT(needs.listeners, ElementsAre(KeyOf(Kind::kListener, "public")));
  EXPECT_THAT(needs.refs, ElementsAre(KeyOf(Kind::kPluginSet, "p"), KeyOf(Kind::kUpstream, "u")));
}

TEST(NeedsTest, AnAuthenticationPluginIsSeenWhereverItStands) {
  v1::Resource service = Service("s", "u");
  EXPECT_FALSE(Of(service).authenticates);
  AddRequestId(&service);
  EXPECT_FALSE(Of(service).authenticates);
  AddKeyAuth(&service);
  EXPECT_TRUE(Of(service).authenticates);
  EXPECT_THAT(Of(service).plugins, ElementsAre("key_auth", "request_id"));
}

TEST(NeedsTest, AConsumerNeedsItsGroup) {
  EXPECT_THAT(Of(Consumer("alice", "gold")).refs, ElementsAre(KeyOf(Kind::kConsumerGroup, "gold")));
  EXPECT_THAT(Of(Consumer("alice")).refs, IsEmpty());
}

TEST(NeedsTest, FieldsOfTheFirstSchemaNeedTheFirstSchema) {
  EXPECT_EQ(Of(Listener("l")).schema, 1u);
}

TEST(NeedsTest, DamagedBytesNeedNothing) {
  const Needs needs = NeedsOf(KeyOf(Kind::kRoute, "r"), "\xff\xff");
  EXPECT_THAT(needs.refs, IsEmpty());
  EXPECT_EQ(needs.schema, 1u);
}

}  // namespace
}  // namespace sluice::fleet
