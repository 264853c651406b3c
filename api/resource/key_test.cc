#include "api/resource/key.h"

#include "absl/hash/hash.h"
#include "gtest/gtest.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

TEST(KindTest, AnySpellingThatAPersonMayUseIsUnderstood) {
  for (const char* text : {"ConsumerGroup", "consumer_group", "consumergroups", "Consumer-Groups",
                           "CONSUMERGROUP", "consumer_groups"}) {
    EXPECT_EQ(ParseKind(text), Kind::kConsumerGroup) << text;
  }
  EXPECT_EQ(ParseKind("routes"), Kind::kRoute);
  EXPECT_EQ(ParseKind("rout"), std::nullopt);
  EXPECT_EQ(ParseKind(""), std::nullopt);
}

TEST(KindTest, EveryKindIsFoundByEachOfItsNames) {
  for (Kind kind : kKinds) {
    EXPECT_EQ(KindOfName(KindName(kind)), kind);
    EXPECT_EQ(ParseKind(KindField(kind)), kind);
    EXPECT_EQ(ParseKind(KindPlural(kind)), kind);
  }
}

TEST(KindTest, OnlyTheExactNameIsAName) {
  EXPECT_EQ(KindOfName("route"), Kind::kNone);
  EXPECT_EQ(KindOfName(""), Kind::kNone);
}

TEST(KindTest, EveryKindIsASpecOfResource) {
  const auto* spec = v1::Resource::descriptor()->FindOneofByName("spec");
  EXPECT_EQ(static_cast<size_t>(spec->field_count()), kKinds.size());
  for (int i = 0; i < spec->field_count(); ++i) {
    v1::Resource resource;
    resource.GetReflection()->MutableMessage(&resource, spec->field(i));
    const Kind kind = KindOf(resource);
    EXPECT_EQ(KindField(kind), spec->field(i)->name());
    EXPECT_EQ(KindName(kind), spec->field(i)->message_type()->name());
  }
}

TEST(KindTest, AMisspeltKindHasANearestOne) {
  EXPECT_EQ(NearestKindName("route"), "Route");
  EXPECT_EQ(NearestKindName("Rotue"), "Route");
  EXPECT_EQ(NearestKindName("Banana"), "");
}

TEST(KeyTest, SurvivesTheWire) {
  const Key key{Kind::kRoute, "payments", "orders"};
  EXPECT_EQ(KeyOf(ToProto(key)), key);
}

TEST(KeyTest, IsTheOneOfTheResource) {
  v1::Resource resource;
  resource.set_name("edge");
  EXPECT_EQ(KeyOf(resource), (Key{Kind::kNone, "", "edge"}));
  resource.mutable_global_rule();
  EXPECT_EQ(KeyOf(resource), (Key{Kind::kGlobalRule, "", "edge"}));
}

TEST(KeyTest, AnUnknownKindOnTheWireIsNone) {
  v1::ResourceKey proto;
  proto.set_kind("Gadget");
  proto.set_name("a");
  EXPECT_EQ(KeyOf(proto).kind, Kind::kNone);
}

TEST(KeyTest, SortsByNameOfKindThenNamespaceThenName) {
  const Key consumer{Kind::kConsumer, "z", "z"};
  const Key first{Kind::kRoute, "", "b"};
  const Key second{Kind::kRoute, "a", "a"};
  EXPECT_LT(consumer, first);
  EXPECT_LT(first, second);
  EXPECT_NE(absl::HashOf(first), absl::HashOf(second));
}

TEST(KeyTest, ReadsAsKindAndName) {
  EXPECT_EQ((Key{Kind::kRoute, "", "orders"}).ToString(), "Route/orders");
  EXPECT_EQ((Key{Kind::kRoute, "shop", "orders"}).ToString(), "Route/shop/orders");
}

}  // namespace
}  // namespace sluice::resource
