#include "api/resource/yaml.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/plugins/v1/key_auth.pb.h"
#include "sluice/plugins/v1/limit_count.pb.h"

namespace sluice::resource {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ReadResult Read(absl::string_view text) {
  ReadOptions options;
  options.file = "a.yaml";
  return ReadYaml(text, options);
}

std::vector<std::string> ProblemsOf(absl::string_view text) {
  std::vector<std::string> lines;
  for (const Problem& problem : Read(text).problems) lines.push_back(ToString(problem));
  return lines;
}

// The problem that the line `field` gives in a Route, without place and subject.
std::string ProblemOfRouteLine(absl::string_view field) {
  const ReadResult result = Read(absl::StrCat("kind: Route\nname: r\n", field, "\n"));
  std::vector<std::string> lines;
  for (Problem problem : result.problems) {
    problem.file = problem.kind = problem.name = "";
    lines.push_back(ToString(problem));
  }
  return absl::StrJoin(lines, " | ");
}

constexpr absl::string_view kRoute = R"(kind: Route
name: orders
labels: {team: a}
description: "All orders: since 2020"
listeners: [public]
hosts: [api.example.com, "*.shop.example"]
paths:
  - /orders
  - "/users/{id}/orders"
headers: {x-team: a, x-version: 2}
priority: -3
upstream: orders
timeout: 15s
plugins:
  key_auth: {}
  limit_count: {count: 100, window: 1m, algorithm: sliding, headers: false}
  rewrite: {disabled: true}
)";

TEST(ReadYamlTest, SetsEveryTypeOfField) {
  const ReadResult result = Read(kRoute);
  ASSERT_THAT(result.problems, IsEmpty());
  ASSERT_EQ(result.resources.size(), 1u);
  const v1::Resource& resource = result.resources[0].resource;
  EXPECT_EQ(resource.name(), "orders");
  EXPECT_EQ(resource.labels().at("team"), "a");
  EXPECT_EQ(resource.description(), "All orders: since 2020");
  const v1::Route& route = resource.route();
  EXPECT_THAT(route.hosts(), ElementsAre("api.example.com", "*.shop.example"));
  EXPECT_THAT(route.paths(), ElementsAre("/orders", "/users/{id}/orders"));
  EXPECT_EQ(route.headers().at("x-version"), "2");
  EXPECT_EQ(route.priority(), -3);
  EXPECT_EQ(route.timeout().seconds(), 15);
  EXPECT_FALSE(route.has_idle_timeout());
}

TEST(ReadYamlTest, PluginsAreMessagesOfTheirTypes) {
  const ReadResult result = Read(kRoute);
  const auto& plugins = result.resources[0].resource.route().plugins();
  ASSERT_EQ(plugins.size(), 3u);
  plugins::v1::LimitCount limit;
  ASSERT_TRUE(plugins.at("limit_count").UnpackTo(&limit));
  EXPECT_EQ(limit.count(), 100u);
  EXPECT_EQ(limit.window().seconds(), 60);
  EXPECT_EQ(limit.algorithm(), plugins::v1::LimitCount::ALGORITHM_SLIDING);
  EXPECT_TRUE(limit.has_headers());
  EXPECT_TRUE(plugins.at("key_auth").Is<plugins::v1::KeyAuth>());
  EXPECT_EQ(plugins.at("rewrite").type_url(), "type.googleapis.com/sluice.plugins.v1.Disabled");
}

TEST(ReadYamlTest, KeepsTheLineOfEveryField) {
  const ReadResult result = Read(absl::StrCat("---\n", kRoute));
  const Location& location = result.resources[0].location;
  EXPECT_EQ(location.file, "a.yaml");
  EXPECT_EQ(location.line, 2u);
  EXPECT_EQ(location.LineOf("timeout"), 14u);
  EXPECT_EQ(location.LineOf("paths[1]"), 10u);
  EXPECT_EQ(location.LineOf("plugins.limit_count.window"), 17u);
  EXPECT_EQ(location.LineOf("plugins.key_auth.realm"), 16u);
  EXPECT_EQ(location.LineOf("cookies"), 2u);
}

TEST(ReadYamlTest, FiveMistakesAreFiveProblemsWithLineAndField) {
  EXPECT_THAT(
      ProblemsOf("kind: Route\nname: r\nuptream: orders\ntimeout: 15\nhosts: [*.x]\n"
                 "priority: high\nupstream: orders\npriority: 1\n"),
      ElementsAre(
          "a.yaml:3: Route \"r\": uptream: no such field, did you mean \"upstream\"?",
          "a.yaml:4: Route \"r\": timeout: not a duration, got 15; want a unit: 15s",
          "a.yaml:5: Route \"r\": hosts[0]: quotes are missing around *.x; want quote it: \"*.x\"",
          "a.yaml:6: Route \"r\": priority: not a whole number, got high",
          "a.yaml:8: Route \"r\": priority: given twice, first on line 6"));
}

TEST(ReadYamlTest, ASlipOfThePenIsReadAsWhatWasMeant) {
  const ReadResult result = Read("kind: Rout\nname: r\nuptream: orders\nplugins: {keyauth: {}}\n");
  EXPECT_EQ(result.problems.size(), 3u);
  ASSERT_EQ(result.resources.size(), 1u);
  EXPECT_EQ(result.resources[0].resource.route().upstream(), "orders");
  EXPECT_TRUE(result.resources[0].resource.route().plugins().contains("key_auth"));
}

TEST(ReadYamlTest, AWrongTypeIsOneProblemThatSaysWhatWouldBeRight) {
  struct Case {
    const char* line;
    const char* problem;
  };
  for (const Case& c : std::vector<Case>{
           {"timeout: fast",
            "timeout: not a duration, got fast; want a number with ms, s, m or h, such as 250ms, "
            "15s or 1h30m"},
           {"timeout: {}",
            "timeout: not a duration, got a map; want a number with ms, s, m or h, "
            "such as 250ms, 15s or 1h30m"},
           {"priority: 2147483648",
            "priority: out of range, got 2147483648; want -2147483648 to 2147483647"},
           {"priority: 1.5", "priority: not a whole number, got 1.5"},
           {"priority: 0x10", "priority: not a whole number, got 0x10"},
           {"priority: '1'", "priority: not a number, got \"1\"; want the number without quotes"},
           {"hosts: a.b", "hosts: not a list, got a.b; want [a.b]"},
           {"hosts: {a: b}", "hosts: not a list, got a map"},
           {"hosts: [[a]]", "hosts[0]: not a string, got a list"},
           {"hosts: [{id}]", "hosts[0]: not a string, got a map; want quotes: \"{id}\""},
           {"hosts:", "hosts: no value; want a value, or the field left out"},
           {"hosts: [~]", "hosts[0]: not a string, got nothing"},
           {"headers: [a]", "headers: not a map of fields, got a list"},
           {"headers: {a: [b]}", "headers.a: not a string, got a list"},
           {"plugins: {key_auth: }",
            "plugins.key_auth: no value; want {} for the plugin with its defaults"},
           {"plugins: {key_auth: true}", "plugins.key_auth: not a map of fields, got true"},
           {"plugins: {key_auth: {hide_credentials: yes}}",
            "plugins.key_auth.hide_credentials: not a boolean, got yes; want true or false"},
           {"plugins: {key_auth: {disabled: false}}",
            "plugins.key_auth.disabled: only true has a meaning, got false; want true, or the "
            "field left out"},
           {"plugins: {key_auth: {disabled: true, realm: a}}",
            "plugins.key_auth.disabled: other fields beside it have no meaning; want {disabled: "
            "true}"},
           {"plugins: {banana: {}}", "plugins.banana: no such plugin"},
           {"plugins: {limit_count: {algorithm: slidding}}",
            "plugins.limit_count.algorithm: no such value, got slidding, did you mean "
            "\"sliding\"?; want fixed, sliding"},
           {"upstream: &a b",
            "upstream: anchors (&name) are not taken; want the value alone, or quotes around a "
            "text that starts with &"},
           {"upstream: !!str b",
            "upstream: tags (!name) are not taken; want the value alone, or "
            "quotes around a text that starts with !"},
           {"? [a]\n: b", "a key that is no word; want the name of a field"},
       }) {
    EXPECT_EQ(ProblemOfRouteLine(c.line), c.problem) << c.line;
  }
}

TEST(ReadYamlTest, WithoutAKindOrAsNoMapItIsNoResource) {
  EXPECT_THAT(
      ProblemsOf("name: a\n---\n- just text\n---\nkind: Banana\nname: b\n"),
      ElementsAre(
          "a.yaml:1: resource \"a\": no kind is given; want kind: one of Certificate, Consumer, "
          "ConsumerGroup, GlobalRule, Listener, PluginSet, Route, Service, StreamRoute, Upstream",
          "a.yaml:3: not a map of fields, got just text",
          "a.yaml:5: Banana \"b\": kind: no such kind, got Banana; want Certificate, Consumer, "
          "ConsumerGroup, GlobalRule, Listener, PluginSet, Route, Service, StreamRoute, "
          "Upstream"));
}

TEST(ReadYamlTest, SizesAreReadWithTheirUnit) {
  const ReadResult result =
      Read("kind: Listener\nname: l\nlimits: {header_bytes: 64KiB, body_bytes: 0}\n");
  ASSERT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.resources[0].resource.listener().limits().header_bytes(), 65536u);
  EXPECT_TRUE(result.resources[0].resource.listener().limits().has_body_bytes());
  EXPECT_THAT(ProblemsOf("kind: Listener\nname: l\nlimits: {header_bytes: 64KB}\n"),
              ElementsAre("a.yaml:3: Listener \"l\": limits.header_bytes: not a size, got 64KB; "
                          "want bytes, or a number with KiB, MiB, GiB or TiB"));
}

constexpr absl::string_view kSecretFromEnvironment =
    "kind: Consumer\nname: a\ncredentials: {key_auth: [{key: {from_env: KEY}}]}\n";

TEST(ReadYamlTest, ACredentialMayStandElsewhereForWhoCanLookThere) {
  ReadOptions options;
  options.resolve_secret = [](const SecretSource& source) -> absl::StatusOr<std::string> {
    EXPECT_EQ(source.place, SecretSource::Place::kEnvironment);
    return source.name == "KEY" ? "s3cret" : "";
  };
  const ReadResult result = ReadYaml(kSecretFromEnvironment, options);
  ASSERT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.resources[0].resource.consumer().credentials().key_auth(0).key(), "s3cret");
}

TEST(ReadYamlTest, WithoutAResolverACredentialMustBeGiven) {
  EXPECT_THAT(
      ProblemsOf(kSecretFromEnvironment),
      ElementsAre("a.yaml:3: Consumer \"a\": credentials.key_auth[0].key: from_env is read "
                  "by sluicectl only; want the credential, or \"sha256:\" and its SHA-256"));
}

TEST(ReadYamlTest, AResolverThatFailsIsAProblem) {
  ReadOptions options;
  options.resolve_secret = [](const SecretSource&) -> absl::StatusOr<std::string> {
    return absl::NotFoundError("not set");
  };
  const ReadResult result = ReadYaml(kSecretFromEnvironment, options);
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].problem, "from_env \"KEY\" cannot be used: not set");
}

TEST(ReadYamlTest, NoProblemShowsACredential) {
  for (const char* key : {"[s3cret]", "{s3cret: 1}", "{from_env: [s3cret]}"}) {
    for (const std::string& problem : ProblemsOf(absl::StrCat(
             "kind: Consumer\nname: a\ncredentials: {key_auth: [{key: ", key, "}]}\n"))) {
      EXPECT_EQ(problem.find("s3cret"), std::string::npos) << problem;
    }
  }
}

TEST(ReadYamlTest, TextThatIsNotUtf8OrTooLongIsRefusedWhole) {
  EXPECT_THAT(ProblemsOf("kind: Route\nname: \xFF\n"),
              ElementsAre("a.yaml:2: a byte that is not part of UTF-8 text; want UTF-8 without "
                          "NUL"));
  ReadOptions options;
  options.max_bytes = 1024;
  EXPECT_EQ(ReadYaml(std::string(1025, '#'), options).problems[0].want, "1KiB at most");
}

TEST(ReadYamlTest, AByteOrderMarkIsNoContent) {
  EXPECT_THAT(ProblemsOf("\xEF\xBB\xBFkind: PluginSet\nname: a\n"), IsEmpty());
}

TEST(ReadYamlTest, ProblemsAreCountedOut) {
  ReadOptions options;
  options.max_problems = 3;
  std::string text;
  for (int i = 0; i < 10; ++i) text += "---\nname: a\n";
  EXPECT_EQ(ReadYaml(text, options).problems.size(), 3u);
}

TEST(ToYamlTest, WritesWhatIsSetInTheOrderOfTheContract) {
  EXPECT_EQ(ToYaml(Read(kRoute).resources[0].resource),
            R"(kind: Route
name: orders
labels:
  team: a
description: "All orders: since 2020"
listeners: [public]
hosts: [api.example.com, "*.shop.example"]
paths: [/orders, "/users/{id}/orders"]
headers:
  x-team: a
  x-version: "2"
priority: -3
upstream: orders
timeout: 15s
plugins:
  key_auth: {}
  limit_count:
    count: 100
    window: 1m
    algorithm: sliding
    headers: false
  rewrite:
    disabled: true
)");
}

TEST(ToYamlTest, ListsOfMapsStandBelowTheirDash) {
  const std::string text = R"(kind: Upstream
name: u
endpoints:
  - address: "10.0.0.1:80"
    weight: 0
  - address: "[::1]:80"
)";
  EXPECT_EQ(ToYaml(Read(text).resources[0].resource), text);
}

TEST(ToYamlTest, EveryStringComesBackAsItWas) {
  for (const char* text : {"",         " ",          "true",
                           "No",       "null",       "~",
                           "1",        "1e3",        "0x1",
                           "1_000",    "-1",         ".5",
                           "1:30",     "a: b",       "a #b",
                           "- a",      "-",          "?",
                           "&a",       "*a",         "!a",
                           "%a",       "@a",         "`a",
                           "{a}",      "[a]",        "a,b",
                           "'a'",      "\"",         "\\",
                           "a\nb",     "a\n",        "\t",
                           " a",       "a ",         "ä😀",
                           "\x01\x7f", "2020-01-01", "<<",
                           "=",        "15s",        "5m3",
                           "/a/b",     "...",        "---",
                           "#",        "|",          ">",
                           "0",        "1KiB",       "\xC2\x85\xE2\x80\xA8x"}) {
    v1::Resource resource;
    resource.set_name("a");
    resource.set_description(text);
    resource.mutable_route()->add_hosts(text);
    (*resource.mutable_route()->mutable_headers())[text] = text;
    const std::string yaml = ToYaml(resource);
    const ReadResult result = Read(yaml);
    ASSERT_THAT(result.problems, IsEmpty()) << yaml;
    EXPECT_EQ(result.resources[0].resource.SerializeAsString(), resource.SerializeAsString())
        << yaml;
  }
}

TEST(ToYamlTest, APluginOfALaterBuildCannotBeLostByApplyingItsListing) {
  v1::Resource resource;
  resource.set_name("a");
  (*resource.mutable_plugin_set()->mutable_plugins())["key_auth"].set_type_url("x/sluice.Later");
  const std::string yaml = ToYaml(resource);
  EXPECT_EQ(yaml,
            "kind: PluginSet\nname: a\nplugins:\n  key_auth:\n    \"@unknown\": x/sluice.Later\n");
  EXPECT_THAT(ProblemsOf(yaml),
              ElementsAre("a.yaml:5: PluginSet \"a\": plugins.key_auth.@unknown: no such field"));
}

TEST(ToYamlTest, SeveralResourcesAreSeveralDocuments) {
  const std::string text = "kind: PluginSet\nname: a\n---\nkind: PluginSet\nname: b\n";
  std::vector<v1::Resource> resources;
  for (SourcedResource& read : Read(text).resources) resources.push_back(read.resource);
  EXPECT_EQ(ToYaml(resources), text);
}

}  // namespace
}  // namespace sluice::resource
