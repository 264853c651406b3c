// Tests of what works on whole resources by reflection: credentials, diff, references, schema,
// selectors.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/resource/credentials.h"
#include "api/resource/diff.h"
#include "api/resource/digest.h"
#include "api/resource/references.h"
#include "api/resource/schema.h"
#include "api/resource/selector.h"
#include "api/resource/stored_form.h"
#include "api/resource/testing/parse.h"
#include "api/resource/walk.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "resource/testing/skew.pb.h"

namespace sluice::resource {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::string_view kRoute = R"(kind: Route
name: orders
labels: {team: a, tier: ""}
listeners: [public, internal]
upstream: orders
timeout: 15s
headers: {x-team: a}
plugin_sets: [standard]
plugins:
  limit_count: {count: 100, window: 60s}
  consumer_restriction: {allow: {consumers: [alice], consumer_groups: [gold]}}
)";

// --- Credentials

// The SHA-256 of "s3cret".
constexpr absl::string_view kHash =
    "sha256:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";

TEST(CredentialsTest, AreReplacedByTheirHash) {
  v1::Resource consumer = ParseResource(
      "kind: Consumer\nname: a\ncredentials: {key_auth: [{key: s3cret}, {key: other}]}\n");
  HashCredentials(consumer);
  EXPECT_EQ(consumer.consumer().credentials().key_auth(0).key(), kHash);
  EXPECT_TRUE(IsHashedCredential(consumer.consumer().credentials().key_auth(1).key()));
}

TEST(CredentialsTest, AHashIsKeptWhateverTheCaseOfItsDigits) {
  v1::Resource consumer;
  std::string upper = absl::StrCat("sha256:", std::string(62, 'A'), "0f");
  consumer.mutable_consumer()->mutable_credentials()->add_key_auth()->set_key(upper);
  HashCredentials(consumer);
  const std::string once = consumer.consumer().credentials().key_auth(0).key();
  EXPECT_EQ(once, absl::StrCat("sha256:", std::string(62, 'a'), "0f"));
  HashCredentials(consumer);
  EXPECT_EQ(consumer.consumer().credentials().key_auth(0).key(), once);
}

TEST(CredentialsTest, WhatOnlyLooksLikeAHashIsASecret) {
  EXPECT_FALSE(IsHashedCredential("sha256:abc"));
  EXPECT_FALSE(IsHashedCredential(absl::StrCat("sha256:", std::string(64, 'g'))));
  EXPECT_FALSE(IsHashedCredential(std::string(64, 'a')));
}

TEST(CredentialsTest, OtherResourcesStayAsTheyAre) {
  v1::Resource route = ParseResource(kRoute);
  const std::string before = route.SerializeAsString();
  HashCredentials(route);
  EXPECT_EQ(route.SerializeAsString(), before);
}

// --- Stored form

TEST(StoredFormTest, DoesNotDependOnHowAClientPackedItsPlugins) {
  constexpr absl::string_view kSet =
      "kind: PluginSet\nname: a\nplugins: {respond: {headers: {a: x, b: y}}, key_auth: {}}\n";
  v1::Resource ours = ParseResource(kSet);
  v1::Resource theirs = ours;
  // The same two entries of the map `headers`, in the other order.
  std::string& bytes =
      *(*theirs.mutable_plugin_set()->mutable_plugins())["respond"].mutable_value();
  ASSERT_EQ(bytes.size() % 2, 0u);
  bytes = bytes.substr(bytes.size() / 2) + bytes.substr(0, bytes.size() / 2);
  ASSERT_NE(ours.SerializeAsString(), theirs.SerializeAsString());
  ToStoredForm(ours);
  ToStoredForm(theirs);
  EXPECT_EQ(Serialise(theirs), Serialise(ours));
}

TEST(StoredFormTest, HasNoCredential) {
  v1::Resource consumer =
      ParseResource("kind: Consumer\nname: a\ncredentials: {key_auth: [{key: s3cret}]}\n");
  ToStoredForm(consumer);
  EXPECT_EQ(consumer.consumer().credentials().key_auth(0).key(), kHash);
}

// --- References

TEST(ReferencesTest, AreFoundInFieldsListsAndPlugins) {
  std::vector<std::string> found;
  for (const Reference& reference : References(ParseResource(kRoute))) {
    found.push_back(absl::StrCat(reference.field, " ", reference.target.ToString()));
  }
  EXPECT_THAT(found,
              ::testing::UnorderedElementsAre(
                  "listeners[0] Listener/public", "listeners[1] Listener/internal",
                  "upstream Upstream/orders", "plugin_sets[0] PluginSet/standard",
                  "plugins.consumer_restriction.allow.consumers[0] Consumer/alice",
                  "plugins.consumer_restriction.allow.consumer_groups[0] ConsumerGroup/gold"));
}

TEST(ReferencesTest, StayInTheNamespaceOfTheResource) {
  v1::Resource route = ParseResource("kind: Route\nname: r\nservice: s\n");
  route.set_namespace_("shop");
  ASSERT_EQ(References(route).size(), 1u);
  EXPECT_EQ(References(route)[0].target, (Key{Kind::kService, "shop", "s"}));
}

// --- Schema

std::vector<std::string> LateFieldsOf(const testing::Skew& message) {
  const FieldFinder finder(&CameLate, {testing::Skew::descriptor()});
  std::vector<std::string> late;
  for (const LateField& field : LateFields(message, finder)) {
    late.push_back(absl::StrCat(field.field, " ", field.since));
  }
  return late;
}

TEST(SchemaTest, OfAResourceIsAtLeastTheFirst) {
  EXPECT_EQ(SchemaOf(v1::Resource()), 1u);
  EXPECT_EQ(SchemaOf(ParseResource(kRoute)), 1u);
}

TEST(SchemaTest, OnlyWhatIsSetCounts) {
  testing::Skew message;
  message.set_first("a");
  message.mutable_plain()->set_old(1);
  message.add_modes(testing::Skew::MODE_OLD);
  EXPECT_THAT(LateFieldsOf(message), IsEmpty());
}

TEST(SchemaTest, LateFieldsValuesAndTheirPlacesAreFound) {
  testing::Skew message;
  message.set_second("a");
  message.add_modes(testing::Skew::MODE_OLD);
  message.add_modes(testing::Skew::MODE_NEW);
  (*message.mutable_parts())["x"].set_late(1);
  EXPECT_THAT(LateFieldsOf(message), ElementsAre("second 2", "parts.x.late 5", "modes[1] 3"));
}

// --- Diff

// The fields that change when `line` is added to the route, in place of the line that begins alike.
std::vector<std::string> ChangedBy(absl::string_view from, absl::string_view to) {
  std::string after(kRoute);
  const size_t at = after.find(from.data(), 0, from.size());
  EXPECT_NE(at, std::string::npos) << from;
  after.replace(at, from.size(), to.data(), to.size());
  return ChangedFields(ParseResource(kRoute), ParseResource(after));
}

TEST(DiffTest, NamesTheFieldThatChanged) {
  EXPECT_THAT(ChangedBy("timeout: 15s", "timeout: 16s"), ElementsAre("timeout"));
  EXPECT_THAT(ChangedBy("timeout: 15s", "priority: 1"), ElementsAre("priority", "timeout"));
  EXPECT_THAT(ChangedBy("x-team: a", "x-team: b, x-b: c"),
              ElementsAre("headers.x-b", "headers.x-team"));
  EXPECT_THAT(ChangedBy("team: a,", ""), ElementsAre("labels.team"));
  EXPECT_THAT(ChangedBy("[public, internal]", "[internal, public]"), ElementsAre("listeners"));
  EXPECT_THAT(ChangedBy("", ""), IsEmpty());
}

TEST(DiffTest, LooksIntoPlugins) {
  EXPECT_THAT(ChangedBy("count: 100", "count: 101"), ElementsAre("plugins.limit_count.count"));
  EXPECT_THAT(ChangedBy("[alice]", "[alice, bob]"),
              ElementsAre("plugins.consumer_restriction.allow.consumers"));
  EXPECT_THAT(ChangedBy("{count: 100, window: 60s}", "{disabled: true}"),
              ElementsAre("plugins.limit_count"));
}

TEST(DiffTest, LooksIntoListsOfTheSameLength) {
  const v1::Resource before = ParseResource(
      "kind: Upstream\nname: u\nendpoints: [{address: 'a:1'}, {address: 'b:1', weight: 1}]\n");
  v1::Resource after = before;
  after.mutable_upstream()->mutable_endpoints(1)->set_weight(0);
  EXPECT_THAT(ChangedFields(before, after), ElementsAre("endpoints[1].weight"));
  after.mutable_upstream()->mutable_endpoints()->RemoveLast();
  EXPECT_THAT(ChangedFields(before, after), ElementsAre("endpoints"));
}

TEST(DiffTest, UnsetIsNotZero) {
  const v1::Resource before = ParseResource("kind: Listener\nname: l\nlimits: {}\n");
  v1::Resource after = before;
  after.mutable_listener()->mutable_limits()->set_body_bytes(0);
  EXPECT_THAT(ChangedFields(before, after), ElementsAre("limits.body_bytes"));
  after.mutable_listener()->clear_limits();
  EXPECT_THAT(ChangedFields(before, after), ElementsAre("limits"));
}

// --- Selectors

bool Selects(const std::vector<std::string>& texts) {
  const absl::StatusOr<Selector> selector = Selector::Parse(texts);
  EXPECT_TRUE(selector.ok()) << selector.status();
  return selector.ok() && selector->Matches(ParseResource(kRoute));
}

TEST(SelectorTest, EveryTermMustHold) {
  EXPECT_TRUE(Selects({}));
  EXPECT_TRUE(Selects({"team=a"}));
  EXPECT_TRUE(Selects({"team", "tier="}));
  EXPECT_TRUE(Selects({"team=a, tier"}));
  EXPECT_FALSE(Selects({"team=b"}));
  EXPECT_FALSE(Selects({"team=a", "other"}));
  EXPECT_FALSE(Selects({"team=a,tier=x"}));
}

TEST(SelectorTest, ATermWithoutAKeyIsRefused) {
  for (const char* text : {"", "=a", "a=b,"}) {
    EXPECT_EQ(Selector::Parse({text}).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace sluice::resource
