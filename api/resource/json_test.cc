#include "api/resource/json.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::resource {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::string_view kRoute = R"({
  "kind": "Route",
  "name": "orders",
  "hosts": [
    "*.x"
  ],
  "priority": 3,
  "timeout": "15s",
  "plugins": {
    "key_auth": {
      "hide_credentials": false
    }
  }
})";

std::vector<std::string> ProblemsOf(absl::string_view text) {
  ReadOptions options;
  options.file = "a.json";
  std::vector<std::string> lines;
  for (const Problem& problem : ReadJson(text, options).problems) {
    lines.push_back(ToString(problem));
  }
  return lines;
}

TEST(JsonTest, ComesBackAsItWas) {
  const ReadResult result = ReadJson(kRoute);
  ASSERT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(ToJson(result.resources[0].resource), kRoute);
}

TEST(JsonTest, CompactIsOneLine) {
  EXPECT_EQ(ToJson(ReadJson(kRoute).resources[0].resource, /*is_compact=*/true),
            R"({"kind":"Route","name":"orders","hosts":["*.x"],"priority":3,"timeout":"15s",)"
            R"("plugins":{"key_auth":{"hide_credentials":false}}})");
}

TEST(JsonTest, SeveralResourcesAreAList) {
  const std::string text =
      R"({"resources":[{"kind":"PluginSet","name":"a"},{"kind":"PluginSet","name":"b"}]})";
  const ReadResult result = ReadJson(text);
  ASSERT_EQ(result.resources.size(), 2u);
  EXPECT_EQ(ToJson({result.resources[0].resource, result.resources[1].resource}, true), text);
}

TEST(JsonTest, TypesAreTheOnesOfJson) {
  EXPECT_THAT(ProblemsOf("{\"kind\": \"Route\", \"name\": \"r\",\n\"hosts\": [1],\n"
                         "\"priority\": \"1\",\n\"upstream\": true}"),
              ElementsAre("a.json:2: Route \"r\": hosts[0]: not a string, got 1; want quotes "
                          "around it",
                          "a.json:3: Route \"r\": priority: not a number, got \"1\"; want the "
                          "number without quotes",
                          "a.json:4: Route \"r\": upstream: not a string, got true; want quotes "
                          "around it"));
}

TEST(JsonTest, UnknownAndDuplicateKeysAreProblems) {
  EXPECT_THAT(ProblemsOf("{\"kind\": \"Route\", \"name\": \"r\",\n\"host\": [],\n"
                         "\"name\": \"s\"}"),
              ElementsAre("a.json:2: Route \"r\": host: no such field, did you mean \"hosts\"?",
                          "a.json:3: Route \"r\": name: given twice, first on line 1"));
}

TEST(JsonTest, ControlCharactersAreEscaped) {
  v1::Resource resource;
  resource.mutable_plugin_set();
  resource.set_description("a\x01\n\"\\ä");
  EXPECT_EQ(ToJson(resource, true),
            "{\"kind\":\"PluginSet\",\"description\":\"a\\u0001\\n\\\"\\\\ä\"}");
}

}  // namespace
}  // namespace sluice::resource
