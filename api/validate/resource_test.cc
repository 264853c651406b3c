// What holds for resources of every kind, and bounds of consumers, rules and plugins. Other kinds
// have a test of their own.
#include "api/validate/resource.h"

#include <string>
#include <utility>
#include <vector>

#include "api/resource/testing/parse.h"
#include "api/validate/testing/rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

using resource::ParseResource;
using ::testing::ElementsAre;

TEST(ResourceTest, NamesLabelsAndDescriptionsHaveBounds) {
  const std::string name = "1-253 of [a-z0-9.-], a letter or digit at both ends";
  for (const auto& [text, is_valid] :
       std::vector<std::pair<std::string, bool>>{{"a", true},
                                                 {"a.b-9", true},
                                                 {std::string(253, 'a'), true},
                                                 {std::string(254, 'a'), false},
                                                 {"A", false},
                                                 {"-a", false},
                                                 {"a.", false},
                                                 {"a_b", false},
                                                 {"a/b", false},
                                                 {"ä", false}}) {
    v1::Resource resource;
    resource.mutable_plugin_set();
    resource.set_name(text);
    EXPECT_EQ(ProblemsOf(resource).empty(), is_valid) << text;
  }
  ExpectRows("PluginSet",
             {{"labels: {" + Repeated(64, "k#: v") + "}", ""},
              {"labels: {" + Repeated(65, "k#: v") + "}",
               "labels: too many labels, got 65; want 64 at most"},
              {"labels: {A_b./-9: ''}", ""},
              {"labels: {a b: c}",
               "labels.a b: not a label key, got \"a b\"; want 1-63 of [A-Za-z0-9_./-]"},
              {"labels: {a: " + std::string(253, 'x') + "}", ""},
              {"labels: {a: \"x\\ny\"}",
               "labels.a: not a label value, got \"x\\ny\"; want up to 253 characters without "
               "control characters"},
              {"description: " + std::string(4096, 'x'), ""},
              {"description: " + std::string(4097, 'x'),
               "description: too long, got 4097 bytes; want 4096 bytes at most"},
              {"namespace: shop",
               "namespace: namespaces do not exist yet; want the field left "
               "out"}});
}

TEST(ResourceTest, WithoutNameOrKindItIsNone) {
  EXPECT_THAT(ProblemsOf(v1::Resource()),
              ElementsAre("kind: missing; want the fields of one kind", "name: missing"));
}

TEST(ResourceTest, WhatABuildDoesNotKnowIsRefusedWhereverItStands) {
  v1::Resource resource = ParseResource(With("Listener", "limits: {headers: 5}"));
  resource.mutable_listener()
      ->mutable_limits()
      ->GetReflection()
      ->MutableUnknownFields(resource.mutable_listener()->mutable_limits())
      ->AddVarint(99, 1);
  resource.mutable_listener()->set_escaped_slashes(static_cast<v1::Listener::EscapedSlashes>(77));
  EXPECT_THAT(ProblemsOf(resource),
              ElementsAre("escaped_slashes: no such value, got number 77; want a value that this "
                          "build knows",
                          "limits: has fields that this build does not know; want a build that "
                          "knows them"));
}

TEST(ResourceTest, ADurationThatIsNotWellFormedIsRefused) {
  v1::Resource resource = ParseResource(With("Route", "upstream: u"));
  resource.mutable_route()->mutable_timeout()->set_seconds(1);
  resource.mutable_route()->mutable_timeout()->set_nanos(-5);
  EXPECT_THAT(ProblemsOf(resource),
              ElementsAre("timeout: not a well-formed duration; want seconds and nanoseconds of "
                          "one sign, in range"));
}

TEST(ConsumerTest, Bounds) {
  const std::string hash = std::string(64, 'a');
  ExpectRows(
      "Consumer",
      {{"credentials: {key_auth: [{key: s3cret}, {key: 'sha256:" + hash + "'}]}", ""},
       {"credentials: {key_auth: [{key: ''}]}", "credentials.key_auth[0].key: missing"},
       {"credentials: {key_auth: [{key: " + std::string(1024, 'k') + "}]}", ""},
       {"credentials: {key_auth: [{key: " + std::string(1025, 'k') + "}]}",
        "credentials.key_auth[0].key: too long, got 1025 bytes; want 1024 bytes at most"},
       {"credentials: {key_auth: [" + Repeated(64, "{key: k#}") + "]}", ""},
       {"credentials: {key_auth: [" + Repeated(65, "{key: k#}") + "]}",
        "credentials.key_auth: too many keys, got 65; want 64 at most"},
       {"credentials: {key_auth: [{key: s3cret}, {key: "
        "'sha256:1EC1C26B50D5D3C58D9583181AF8076655FE00756BF7285940BA3670F99FCBA0'}]}",
        "credentials.key_auth[1].key: the same as key_auth[0]; want each key once"},
       {"plugins: {limit_count: {count: 1, window: 1s}, headers: {request: {remove: [a]}}}", ""}});
}

TEST(ConsumerTest, HoldsNoPluginThatRunsBeforeItIsKnown) {
  const std::string problem =
      "plugins.key_auth: runs before the consumer is known, in the phase authenticate; want "
      "plugins of the phase authorize or later";
  ExpectRows("Consumer", {{"plugins: {key_auth: {}}", problem},
                          {"plugins: {key_auth: {disabled: true}}", problem}});
  ExpectRows("ConsumerGroup", {{"plugins: {key_auth: {}}", problem}});
}

TEST(GlobalRuleTest, AddsAtLeastOnePluginAndRemovesNone) {
  ExpectRows("GlobalRule", {{"plugins: {}", "plugins: missing"},
                            {"groups: [a]\nlisteners: [b]", ""},
                            {"plugins: {key_auth: {disabled: true}}",
                             "plugins.key_auth: a rule adds plugins and removes none; want the "
                             "plugin left out"}});
}

TEST(PluginsTest, EachHoldsTheConfigurationOfItsOwnPlugin) {
  v1::Resource resource = ParseResource(With("PluginSet", "plugins: {key_auth: {}}"));
  auto& plugins = *resource.mutable_plugin_set()->mutable_plugins();
  plugins["headers"] = plugins["key_auth"];
  plugins["keyauth"] = plugins["key_auth"];
  plugins["rewrite"].set_type_url("type.googleapis.com/sluice.plugins.v1.Rewrite");
  plugins["rewrite"].set_value("\xFF\xFF");
  plugins["respond"].set_type_url("type.googleapis.com/sluice.plugins.v1.Disabled");
  plugins["respond"].set_value("x");
  EXPECT_THAT(
      ProblemsOf(resource),
      ElementsAre("plugins.headers: holds something else, got "
                  "\"type.googleapis.com/sluice.plugins.v1.KeyAuth\"; want the configuration of "
                  "this plugin",
                  "plugins.keyauth: no such plugin, did you mean \"key_auth\"?",
                  "plugins.respond: has settings though it is disabled; want none",
                  "plugins.rewrite: its configuration cannot be parsed"));
}

// What a change of `after` alone says about a resource that was wrong before.
TEST(CheckChangeTest, WhatWasWrongBeforeIsAWarning) {
  const v1::Resource before = ParseResource(With("Route", "timeout: 25h"));
  v1::Resource after = before;
  after.mutable_route()->set_priority(1);
  after.mutable_route()->add_hosts("a b");
  std::vector<Problem> problems;
  CheckChange(before, after, problems);
  resource::Sort(problems);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].field, "hosts[0]");
  EXPECT_FALSE(problems[0].is_warning);
  EXPECT_EQ(problems[1].field, "timeout");
  EXPECT_TRUE(problems[1].is_warning);
}

TEST(CheckChangeTest, AnotherWrongValueIsAnError) {
  const v1::Resource before = ParseResource(With("Route", "timeout: 25h"));
  std::vector<Problem> problems;
  CheckChange(before, ParseResource(With("Route", "timeout: 26h")), problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_FALSE(problems[0].is_warning);
}

}  // namespace
}  // namespace sluice::validate
