#include "api/validate/configuration.h"

#include <string>
#include <vector>

#include "api/resource/yaml.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::validate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

resource::ReadResult Read(absl::string_view yaml, const std::string& file = "a.yaml") {
  resource::ReadOptions options;
  options.file = file;
  return resource::ReadYaml(yaml, options);
}

std::vector<std::string> Validate(const resource::ReadResult& read,
                                  const resource::ReadResult* context = nullptr) {
  std::vector<std::string> lines;
  for (const Problem& problem : ValidateConfiguration(read, context)) {
    lines.push_back(ToString(problem));
  }
  return lines;
}

TEST(ConfigurationTest, EveryProblemOfEverySortIsFoundAtOnce) {
  EXPECT_THAT(
      Validate(Read("kind: Route\nname: r\nuptream: gone\ntimeout: 25h\nhosts: [a b]\n"
                    "plugins:\n  limit_count: {count: 1, window: 1s, status: 200}\n")),
      ElementsAre(
          "a.yaml:3: Route \"r\": upstream: there is no Upstream \"gone\"; want the name of an "
          "Upstream that exists",
          "a.yaml:3: Route \"r\": uptream: no such field, did you mean \"upstream\"?",
          "a.yaml:4: Route \"r\": timeout: out of range, got 25h; want 0s to 24h",
          "a.yaml:5: Route \"r\": hosts[0]: is not a host name, got \"a b\"; want labels of "
          "letters, digits, \"-\" and \"_\" with dots between: \"api.example.com\"",
          "a.yaml:7: Route \"r\": plugins.limit_count.status: out of range, got 200; want 400 to "
          "599"));
}

TEST(ConfigurationTest, AFieldThatCannotBeReadIsNotMissingToo) {
  EXPECT_THAT(Validate(Read("kind: Listener\nname: l\naddress: [1]\n---\n"
                            "kind: Route\nname: r\nupstream: {}\n---\n"
                            "kind: Upstream\nname: u\nendpoints:\n- address: []\n")),
              ElementsAre("a.yaml:3: Listener \"l\": address: not a string, got a list",
                          "a.yaml:7: Route \"r\": upstream: not a string, got a map",
                          "a.yaml:12: Upstream \"u\": endpoints[0].address: not a string, got a "
                          "list"));
}

// A route whose one path stood without brackets was said to clash with the route for everything.
TEST(ConfigurationTest, AValueInThePlaceOfAListIsReadAsItsOnlyElement) {
  EXPECT_THAT(Validate(Read("kind: Route\nname: all\nplugins: {respond: {}}\n---\n"
                            "kind: Route\nname: x\npaths: /x\nplugins: {respond: {}}\n")),
              ElementsAre("a.yaml:7: Route \"x\": paths: not a list, got /x; want [/x]"));
}

TEST(ConfigurationTest, ANameIsDefinedOnce) {
  EXPECT_THAT(Validate(Read("kind: PluginSet\nname: s\n---\nkind: PluginSet\nname: s\n")),
              ElementsAre("a.yaml:5: PluginSet \"s\": name: is defined twice, first at a.yaml:1; "
                          "want each name once in its kind"));
}

TEST(ConfigurationTest, TheContextMayBeReferredToAndIsNotJudged) {
  const resource::ReadResult context =
      Read("kind: Upstream\nname: u\nhost: a b\n---\nkind: Service\nname: s\nupstream: gone\n",
           "live.yaml");
  EXPECT_THAT(Validate(Read("kind: Route\nname: r\nupstream: u\n"), &context), IsEmpty());
}

TEST(ConfigurationTest, WhatIsReadTakesThePlaceOfTheContext) {
  const resource::ReadResult context = Read("kind: Route\nname: r\nplugins: {respond: {}}\n");
  EXPECT_THAT(
      Validate(Read("kind: Route\nname: r\npriority: 1\nplugins: {respond: {}}\n"), &context),
      IsEmpty());
  EXPECT_EQ(Validate(Read("kind: Route\nname: s\nplugins: {respond: {}}\n"), &context).size(), 1u);
}

TEST(ConfigurationTest, AnElementThatCannotBeReadDoesNotShiftTheOthers) {
  EXPECT_THAT(
      Validate(Read("kind: Route\nname: r\nplugins: {respond: {}}\nhosts:\n- [x]\n- a b\n")),
      ElementsAre("a.yaml:5: Route \"r\": hosts[0]: not a string, got a list",
                  "a.yaml:6: Route \"r\": hosts[1]: is not a host name, got \"a b\"; want "
                  "labels of letters, digits, \"-\" and \"_\" with dots between: "
                  "\"api.example.com\""));
}

}  // namespace
}  // namespace sluice::validate
