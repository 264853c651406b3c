#include "api/match/explain.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "api/match/testing/test_request.h"

namespace sluice::match {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Table TableOf(const std::vector<RouteSpec>& specs) {
  std::vector<Table::Route> routes;
  for (const RouteSpec& spec : specs) routes.push_back({*Compile(spec), 0});
  return Table().With({}, routes);
}

// "name: why not" of each near miss.
std::vector<std::string> NearMisses(const Table& table, const TestRequest& request) {
  const Explanation explanation = Explain(table, request.View());
  std::vector<std::string> texts;
  for (const NearMiss& miss : explanation.near_misses) {
    texts.push_back(absl::StrCat(miss.route->spec->name(), ": ", NearMissText(explanation, miss)));
  }
  return texts;
}

TEST(ExplainTest, TheWinnerIsNamedWithItsHostAndPath) {
  const Table table =
      TableOf({{.name = "a", .hosts = {"*.com", "*.example.com"}, .paths = {"/*", "/x/{id}"}}});
  const TestRequest request = {.host = "www.example.com", .path = "/x/1"};
  const Explanation explanation = Explain(table, request.View());
  ASSERT_NE(explanation.winner, nullptr);
  EXPECT_EQ(explanation.host, "*.example.com");
  EXPECT_EQ(explanation.path, "/x/{id}");
  EXPECT_EQ(explanation.further, 0u);
}

TEST(ExplainTest, EachNearMissNamesTheFirstConditionThatFails) {
  const RouteSpec base = {.hosts = {"example.com"}, .paths = {"/x"}};
  std::vector<RouteSpec> specs(8, base);
  for (size_t i = 0; i < specs.size(); ++i) specs[i].name = absl::StrCat("r", i);
  specs[0].hosts = {"other.com"};
  specs[1].paths = {"/x/y"};
  specs[2].methods = {"POST"};
  specs[2].headers = {{"x-team", "a"}};
  specs[3].headers = {{"X-Team", "a"}};
  specs[4].query = {{"a", "1"}};
  specs[5].cookies = {{"b", "*"}};
  specs[6].client_ips = {"10.0.0.0/8"};
  specs[7].priority = -1;
  EXPECT_THAT(NearMisses(TableOf(specs), {.path = "/x"}),
              ElementsAre("r2: fails method", "r3: fails headers.x-team", "r4: fails query.a",
                          "r5: fails cookies.b", "r6: fails client_ips", "r1: fails path",
                          "r0: fails host"));
}

TEST(ExplainTest, WhatMatchesTooSaysWhatDecided) {
  const Table table =
      TableOf({{.name = "a", .hosts = {"example.com"}, .paths = {"/x/{id}"}, .methods = {"GET"}},
               {.name = "b", .hosts = {"example.com"}, .paths = {"/x/{id}"}},
               {.name = "c", .hosts = {"example.com"}, .paths = {"/x/*"}},
               {.name = "d", .hosts = {"example.com"}, .paths = {"/x/1"}, .priority = -1},
               {.name = "e", .paths = {"/x/1"}, .priority = 9}});
  EXPECT_THAT(NearMisses(table, {.path = "/x/1"}),
              ElementsAre("b: less specific than \"a\": by predicates",
                          "c: less specific than \"a\": by path",
                          "d: less specific than \"a\": by priority",
                          "e: less specific than \"a\": by host"));
}

TEST(ExplainTest, OfTheSameRankTheNameDecides) {
  const Table table =
      TableOf({{.name = "b", .paths = {"~/.*"}}, {.name = "a", .paths = {"~/x.*"}}});
  EXPECT_THAT(NearMisses(table, {.path = "/x"}),
              ElementsAre("b: less specific than \"a\": by name"));
}

TEST(ExplainTest, WithoutAWinnerTheAllowedMethodsAreThere) {
  const TestRequest request = {.method = "PUT", .path = "/x"};
  const Table table = TableOf({{.name = "a", .paths = {"/x"}, .methods = {"GET"}}});
  const Explanation explanation = Explain(table, request.View());
  EXPECT_EQ(explanation.winner, nullptr);
  EXPECT_EQ(explanation.allowed_methods, "GET, HEAD");
}

TEST(ExplainTest, RoutesThatHaveNothingInCommonAreNotListed) {
  const Table table =
      TableOf({{.name = "a", .hosts = {"other.com"}}, {.name = "b", .paths = {"/y"}}});
  EXPECT_THAT(NearMisses(table, {.path = "/x"}), IsEmpty());
  EXPECT_EQ(Explain(table, TestRequest{.path = "/x"}.View()).further, 2u);
}

TEST(ExplainTest, TheNearestAreListedFirstAndNoMoreThanAskedFor) {
  const Table table = TableOf({{.name = "a", .paths = {"/x/z"}},
                               {.name = "b", .paths = {"/x/y/w"}},
                               {.name = "c", .paths = {"/x/y/z"}, .methods = {"PUT"}}});
  const TestRequest request = {.path = "/x/y/z"};
  const Explanation explanation = Explain(table, request.View(), 2);
  ASSERT_EQ(explanation.near_misses.size(), 2u);
  EXPECT_EQ(explanation.near_misses[0].route->spec->name(), "c");
  EXPECT_EQ(explanation.near_misses[1].route->spec->name(), "b");
  EXPECT_EQ(explanation.further, 1u);
}

}  // namespace
}  // namespace sluice::match
