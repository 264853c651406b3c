#include "api/match/compiled_spec.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "api/match/match_keys.h"

namespace sluice::match {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<SpecProblem> Problems(const RouteSpec& spec) {
  std::vector<SpecProblem> problems;
  const bool is_ok = Compile(spec, &problems).ok();
  EXPECT_EQ(is_ok, problems.empty());
  return problems;
}

// What is wrong with a route of this one path, and what would be right: "problem|want".
std::string PathFlaw(const std::string& path) {
  const std::vector<SpecProblem> problems = Problems({.paths = {path}});
  if (problems.size() != 1) return absl::StrCat(problems.size(), " problems");
  EXPECT_EQ(problems[0].field, "paths[0]");
  return absl::StrCat(problems[0].problem, "|", problems[0].want);
}

std::string HostFlaw(const std::string& host) {
  const std::vector<SpecProblem> problems = Problems({.hosts = {host}});
  return problems.empty() ? "" : absl::StrCat(problems[0].problem, "|", problems[0].want);
}

std::vector<std::string> Keys(const RouteSpec& spec) {
  auto compiled = Compile(spec);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return compiled.ok() ? MatchKeys(**compiled) : std::vector<std::string>();
}

TEST(CompileTest, TheResultOutlivesTheSpec) {
  auto spec = std::make_unique<RouteSpec>(RouteSpec{.name = "orders",
                                                    .hosts = {"API.Example.com.", "*.Shop.example"},
                                                    .paths = {"/a", "~/b+"},
                                                    .priority = -3});
  auto compiled = Compile(*spec);
  spec.reset();
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ((*compiled)->name(), "orders");
  EXPECT_THAT((*compiled)->hosts(), ElementsAre("api.example.com", "*.shop.example"));
  ASSERT_THAT((*compiled)->paths(), SizeIs(2));
  EXPECT_EQ((*compiled)->paths()[0].text, "/a");
  EXPECT_EQ((*compiled)->paths()[1].kind, PathKind::kRegex);
  EXPECT_EQ((*compiled)->priority(), -3);
  EXPECT_EQ((*compiled)->predicates(), nullptr);
}

TEST(CompileTest, ARouteWithoutPathsHasEveryPath) {
  auto compiled = Compile({.name = "all"});
  ASSERT_TRUE(compiled.ok());
  ASSERT_THAT((*compiled)->paths(), SizeIs(1));
  EXPECT_EQ((*compiled)->paths()[0].text, "/*");
}

TEST(CompileTest, EachPredicateCountsOne) {
  auto compiled = Compile({.methods = {"GET", "POST"},
                           .headers = {{"a", "1"}, {"b", "*"}},
                           .query = {{"q", "!"}},
                           .cookies = {{"c", "~x"}},
                           .client_ips = {"10.0.0.0/8", "::1"}});
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  EXPECT_EQ((*compiled)->predicate_count(), 6u);
}

TEST(CompileTest, AllProblemsAreFoundAtOnce) {
  const std::vector<SpecProblem> problems = Problems({.hosts = {"ok.example", "a b"},
                                                      .paths = {"/ok", "x", "~("},
                                                      .methods = {"get"},
                                                      .headers = {{"x y", "*"}, {"x-ok", "~["}},
                                                      .query = {{"", "*"}},
                                                      .cookies = {{"c", "!x"}},
                                                      .client_ips = {"10.0.0.1/8"}});
  std::vector<std::string> fields;
  for (const SpecProblem& problem : problems) fields.push_back(problem.field);
  EXPECT_THAT(fields, ElementsAre("hosts[1]", "paths[1]", "paths[2]", "methods[0]", "headers.x y",
                                  "headers.x-ok", "query.", "cookies.c", "client_ips[0]"));
}

TEST(CompileTest, TheStatusNamesFieldProblemAndRemedy) {
  const auto compiled = Compile({.paths = {"/ok", "/a/b*"}});
  EXPECT_EQ(compiled.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(compiled.status().message()),
              AllOf(HasSubstr("paths[1]: has a \"*\""), HasSubstr("got \"/a/b*\", want \"/a/*\"")));
}

TEST(CompileTest, APathBeginsWithASlash) {
  EXPECT_EQ(PathFlaw("orders/*"), "does not begin with \"/\", got \"orders/*\"|\"/orders/*\"");
  EXPECT_THAT(PathFlaw("~v[0-9]+"), HasSubstr("|\"~/v[0-9]+\""));
}

TEST(CompileTest, APathThatNormalisationWouldChangeIsRefused) {
  EXPECT_THAT(PathFlaw("/a//b/../{id}"), HasSubstr("|\"/a/{id}\""));
  EXPECT_THAT(PathFlaw("/a%2fb"), HasSubstr("|\"/a%2Fb\""));
  EXPECT_THAT(PathFlaw("/caf\xC3\xA9 au lait"), HasSubstr("|\"/caf%C3%A9%20au%20lait\""));
  EXPECT_THAT(PathFlaw("/a?b=1"), HasSubstr("|the field `query`"));
  EXPECT_THAT(PathFlaw("/../a"), HasSubstr("no request path has"));
}

TEST(CompileTest, VariablesAreWholeSegments) {
  EXPECT_THAT(PathFlaw("/a/{id}.json"), HasSubstr("not a whole segment"));
  EXPECT_THAT(PathFlaw("/a/v{n}"), HasSubstr("not a whole segment"));
  EXPECT_THAT(PathFlaw("/a/}{"), HasSubstr("not a whole segment"));
}

TEST(CompileTest, VariablesHaveNames) {
  EXPECT_THAT(PathFlaw("/{}"), HasSubstr("variable named \"\""));
  EXPECT_THAT(PathFlaw("/{*}"), HasSubstr("variable named \"*\""));
  EXPECT_THAT(PathFlaw("/{1}"), HasSubstr("variable named \"1\""));
  EXPECT_THAT(PathFlaw("/{a-b}"), HasSubstr("variable named \"a-b\""));
  EXPECT_THAT(PathFlaw("/{a}/{a*}"), HasSubstr("two variables named \"a\""));
}

TEST(CompileTest, TheRemainderComesLast) {
  EXPECT_THAT(PathFlaw("/a/*/b"), HasSubstr("goes on behind the remainder"));
  EXPECT_THAT(PathFlaw("/{rest*}/b"), HasSubstr("goes on behind the remainder"));
  EXPECT_THAT(PathFlaw("/a*"), HasSubstr("not the last segment"));
}

TEST(CompileTest, PathsHaveLimits) {
  std::string variables;
  for (int i = 0; i < 16; ++i) absl::StrAppend(&variables, "/{v", i, "}");
  EXPECT_THAT(Problems({.paths = {variables}}), IsEmpty());
  EXPECT_THAT(PathFlaw(variables + "/{more}"), HasSubstr("more than 16 variables"));
  std::string segments;
  for (int i = 0; i < 128; ++i) segments += "/s";
  EXPECT_THAT(Problems({.paths = {segments}}), IsEmpty());
  EXPECT_EQ(PathFlaw(segments + "/s"), "has 129 segments|at most 128");
  EXPECT_EQ(PathFlaw("/" + std::string(4096, 'a')), "has 4097 bytes|at most 4096");
}

TEST(CompileTest, HostsAreNames) {
  EXPECT_EQ(HostFlaw("a_b.Example.com."), "");
  EXPECT_EQ(HostFlaw("192.0.2.1"), "");
  EXPECT_EQ(HostFlaw("[2001:db8::1]"), "");
  EXPECT_THAT(HostFlaw("example.com:8080"), HasSubstr("has a port"));
  EXPECT_THAT(HostFlaw("example.com:8080"), HasSubstr("|\"example.com\""));
  EXPECT_THAT(HostFlaw("http://a.example"), HasSubstr("without scheme"));
  EXPECT_THAT(HostFlaw("b\xC3\xBC"
                       "cher.example"),
              HasSubstr("xn--"));
  EXPECT_THAT(HostFlaw("a.*.example"), HasSubstr("first label"));
  EXPECT_THAT(HostFlaw("*"), HasSubstr("leave `hosts` out"));
  EXPECT_THAT(HostFlaw(""), HasSubstr("leave `hosts` out"));
  EXPECT_THAT(HostFlaw("a..example"), HasSubstr("is not a host name"));
  EXPECT_THAT(HostFlaw("-a.example"), HasSubstr("is not a host name"));
  EXPECT_THAT(HostFlaw(std::string(64, 'a')), HasSubstr("is not a host name"));
}

TEST(CompileTest, ClientIpsAreAddressesAndRanges) {
  EXPECT_THAT(
      Problems({.client_ips = {"10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "0.0.0.0/0"}}),
      IsEmpty());
  const auto flaw = [](const std::string& text) {
    const auto problems = Problems({.client_ips = {text}});
    return problems.empty() ? "" : absl::StrCat(problems[0].problem, "|", problems[0].want);
  };
  EXPECT_EQ(flaw("10.1.0.0/8"),
            "has bits set behind its prefix, got \"10.1.0.0/8\"|\"10.0.0.0/8\"");
  EXPECT_THAT(flaw("10.0.0.0/33"), HasSubstr("from 0 to 32"));
  EXPECT_THAT(flaw("10.0.0.0/ 8"), HasSubstr("from 0 to 32"));
  EXPECT_THAT(flaw("::/129"), HasSubstr("from 0 to 128"));
  EXPECT_THAT(flaw("10.0.0"), HasSubstr("neither an address nor a range"));
}

TEST(CompileTest, WhatIsSaidTwiceIsRefused) {
  const auto problems = Problems({.hosts = {"a", "A"},
                                  .paths = {"/{x}", "/{y}"},
                                  .methods = {"GET", "GET"},
                                  .headers = {{"a", "1"}, {"A", "2"}}});
  ASSERT_THAT(problems, SizeIs(4));
  EXPECT_EQ(problems[1].field, "paths[1]");
  EXPECT_EQ(problems[1].problem, "says the same as paths[0]");
}

TEST(CompileTest, NegationHasNoValue) {
  const auto problems = Problems({.headers = {{"x-team", "!a"}}});
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].field, "headers.x-team");
  EXPECT_THAT(problems[0].problem, HasSubstr("stands alone"));
}

TEST(MatchKeysTest, ThereIsOneForEachHostAndPath) {
  EXPECT_THAT(Keys({.hosts = {"a", "*.b"}, .paths = {"/x", "/y"}}), SizeIs(4));
  EXPECT_THAT(Keys({.name = "n"}), ElementsAre("host=* path=\"/*\" priority=0"));
}

TEST(MatchKeysTest, WhatMakesNoDifferenceToTheMatcherMakesNoneInTheKey) {
  EXPECT_EQ(Keys({.name = "one",
                  .hosts = {"A.example"},
                  .paths = {"/u/{id}/{rest*}"},
                  .methods = {"POST", "GET"},
                  .headers = {{"X-B", "1"}, {"a", "2"}},
                  .client_ips = {"10.0.0.0/9", "10.128.0.0/9", "10.1.1.1"}}),
            Keys({.name = "two",
                  .hosts = {"a.example."},
                  .paths = {"/u/{name}/*"},
                  .methods = {"GET", "HEAD", "POST"},
                  .headers = {{"A", "2"}, {"x-b", "1"}},
                  .client_ips = {"10.0.0.0/8"}}));
}

TEST(MatchKeysTest, WhatMakesADifferenceMakesOneInTheKey) {
  const RouteSpec base = {.hosts = {"a"}, .paths = {"/p"}};
  std::vector<RouteSpec> others(9, base);
  others[0].hosts = {"*.a"};
  others[1].paths = {"/p/"};
  others[2].paths = {"~/p"};
  others[3].priority = 1;
  others[4].methods = {"GET"};
  others[5].headers = {{"p", "1"}};
  others[6].query = {{"p", "1"}};
  others[7].cookies = {{"p", "1"}};
  others[8].client_ips = {"::/0"};
  std::vector<std::string> keys = Keys(base);
  for (const RouteSpec& other : others) keys.push_back(Keys(other)[0]);
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::unique(keys.begin(), keys.end()), keys.end());
}

TEST(MatchKeysTest, TextsCannotBeWrittenToLookLikeOtherKeys) {
  EXPECT_NE(Keys({.headers = {{"a", "1\" headers.b=\"2"}}}),
            Keys({.headers = {{"a", "1"}, {"b", "2"}}}));
}

}  // namespace
}  // namespace sluice::match
