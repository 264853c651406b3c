#include "api/match/table.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "api/match/testing/test_request.h"

namespace sluice::match {
namespace {

using ::testing::IsEmpty;

Table::Route Route(const RouteSpec& spec, uint64_t payload = 0) {
  auto compiled = Compile(spec);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return {*compiled, payload};
}

Table TableOf(const std::vector<RouteSpec>& specs) {
  std::vector<Table::Route> routes;
  for (const RouteSpec& spec : specs) routes.push_back(Route(spec));
  return Table().With({}, routes);
}

// The name of the route that serves the request, "" if there is none.
std::string Serves(const Table& table, const TestRequest& request) {
  MatchResult result;
  return table.Match(request.View(), &result) ? std::string(result.spec->name()) : "";
}

std::string ServesPath(const Table& table, const std::string& path) {
  return Serves(table, {.path = path});
}

TEST(TableTest, AnEmptyTableServesNothing) {
  EXPECT_EQ(ServesPath(Table(), "/"), "");
  EXPECT_EQ(Table().size(), 0u);
}

TEST(TableTest, ARouteWithoutConditionsServesEverything) {
  const Table table = TableOf({{.name = "all"}});
  EXPECT_EQ(Serves(table, {.host = "", .path = "/"}), "all");
  EXPECT_EQ(Serves(table, {.method = "OPTIONS", .path = "*"}), "all");
  EXPECT_EQ(Serves(table, {.method = "BREW", .host = "x:1", .path = "/a/b/"}), "all");
}

TEST(TableTest, ThePayloadComesBack) {
  MatchResult result;
  ASSERT_TRUE(Table().With({}, {Route({.name = "a"}, 77)}).Match(TestRequest().View(), &result));
  EXPECT_EQ(result.payload, 77u);
}

TEST(TableTest, HostsAreComparedWithoutPortCaseAndFinalDot) {
  const Table table = TableOf({{.name = "a", .hosts = {"Api.Example.com"}}});
  for (const std::string host : {"api.example.com", "API.EXAMPLE.COM", "api.example.com:8443",
                                 "api.example.com.", "api.example.com.:80"}) {
    EXPECT_EQ(Serves(table, {.host = host}), "a") << host;
  }
  EXPECT_EQ(Serves(table, {.host = "xapi.example.com"}), "");
  EXPECT_EQ(Serves(table, {.host = ""}), "");
  EXPECT_EQ(Serves(table, {.host = std::string(5000, 'a')}), "");
}

TEST(TableTest, AnIpv6HostIsComparedWithItsBrackets) {
  const Table table = TableOf({{.name = "a", .hosts = {"[2001:DB8::1]"}}});
  EXPECT_EQ(Serves(table, {.host = "[2001:db8::1]:8080"}), "a");
  EXPECT_EQ(Serves(table, {.host = "[2001:db8::1]"}), "a");
  EXPECT_EQ(Serves(table, {.host = "[2001:db8::1"}), "");
}

TEST(TableTest, AWildcardIsAnyDepthBelowButNotTheNameItself) {
  const Table table = TableOf({{.name = "w", .hosts = {"*.shop.example"}}});
  EXPECT_EQ(Serves(table, {.host = "a.shop.example"}), "w");
  EXPECT_EQ(Serves(table, {.host = "b.a.shop.example:80"}), "w");
  EXPECT_EQ(Serves(table, {.host = "shop.example"}), "");
  EXPECT_EQ(Serves(table, {.host = ".shop.example"}), "");
  EXPECT_EQ(Serves(table, {.host = "workshop.example"}), "");
}

TEST(TableTest, TheHostGoesBeforePriorityAndPath) {
  const Table table =
      TableOf({{.name = "exact", .hosts = {"a.b.c"}, .paths = {"/*"}},
               {.name = "long", .hosts = {"*.b.c"}, .paths = {"/x/*"}, .priority = 1},
               {.name = "short", .hosts = {"*.c"}, .paths = {"/x/y"}, .priority = 2},
               {.name = "none", .paths = {"/x/y"}, .priority = 3}});
  EXPECT_EQ(Serves(table, {.host = "a.b.c", .path = "/x/y"}), "exact");
  EXPECT_EQ(Serves(table, {.host = "z.b.c", .path = "/x/y"}), "long");
  EXPECT_EQ(Serves(table, {.host = "z.c", .path = "/x/y"}), "short");
  EXPECT_EQ(Serves(table, {.host = "z", .path = "/x/y"}), "none");
}

TEST(TableTest, WhatTheBetterHostDoesNotServeFallsToTheNext) {
  const Table table = TableOf({{.name = "exact", .hosts = {"a.b"}, .headers = {{"x", "1"}}},
                               {.name = "wild", .hosts = {"*.b"}, .paths = {"/w"}},
                               {.name = "none"}});
  EXPECT_EQ(Serves(table, {.host = "a.b", .path = "/w", .headers = {{"x", "1"}}}), "exact");
  EXPECT_EQ(Serves(table, {.host = "a.b", .path = "/w"}), "wild");
  EXPECT_EQ(Serves(table, {.host = "a.b", .path = "/v"}), "none");
}

TEST(TableTest, PriorityGoesBeforeThePath) {
  const Table table = TableOf({{.name = "exact", .paths = {"/a/b"}},
                               {.name = "regex", .paths = {"~/a/.*"}, .priority = 1},
                               {.name = "rest", .paths = {"/*"}, .methods = {"PUT"}, .priority = 2},
                               {.name = "low", .paths = {"/a/b/c"}, .priority = -1}});
  EXPECT_EQ(ServesPath(table, "/a/b"), "regex");
  EXPECT_EQ(Serves(table, {.method = "PUT", .path = "/a/b"}), "rest");
  EXPECT_EQ(ServesPath(table, "/a/b/c"), "regex");
}

TEST(TableTest, AnExactPathGoesBeforeARegexBeforeAPattern) {
  const Table table = TableOf({{.name = "exact", .paths = {"/a/b"}},
                               {.name = "regex", .paths = {"~/a/[bc]"}},
                               {.name = "pattern", .paths = {"/a/{x}"}}});
  EXPECT_EQ(ServesPath(table, "/a/b"), "exact");
  EXPECT_EQ(ServesPath(table, "/a/c"), "regex");
  EXPECT_EQ(ServesPath(table, "/a/d"), "pattern");
}

TEST(TableTest, PatternsAreComparedFromTheLeft) {
  const Table table = TableOf({{.name = "literal-first", .paths = {"/a/{x}/{y}"}},
                               {.name = "literal-last", .paths = {"/{x}/b/c"}},
                               {.name = "rest", .paths = {"/a/b/*"}},
                               {.name = "end", .paths = {"/{x}/b"}}});
  EXPECT_EQ(ServesPath(table, "/a/b/c"), "rest");
  EXPECT_EQ(ServesPath(table, "/a/c/c"), "literal-first");
  EXPECT_EQ(ServesPath(table, "/z/b/c"), "literal-last");
  EXPECT_EQ(ServesPath(table, "/a/b"), "rest");
  EXPECT_EQ(ServesPath(table, "/z/b"), "end");
}

TEST(TableTest, ADeadEndIsLeftForTheNextBestPattern) {
  const Table table = TableOf({{.name = "deep", .paths = {"/a/b/c/d"}},
                               {.name = "one", .paths = {"/a/{x}/c/e"}},
                               {.name = "two", .paths = {"/{w}/b/{x}/f"}},
                               {.name = "rest", .paths = {"/{w}/*"}}});
  EXPECT_EQ(ServesPath(table, "/a/b/c/d"), "deep");
  EXPECT_EQ(ServesPath(table, "/a/b/c/e"), "one");
  EXPECT_EQ(ServesPath(table, "/a/b/c/f"), "two");
  EXPECT_EQ(ServesPath(table, "/a/b/c/g"), "rest");
}

TEST(TableTest, ARemainderBeginsAtASegment) {
  const Table table = TableOf({{.name = "a", .paths = {"/a/*"}}});
  EXPECT_EQ(ServesPath(table, "/a"), "a");
  EXPECT_EQ(ServesPath(table, "/a/"), "a");
  EXPECT_EQ(ServesPath(table, "/a/b/c"), "a");
  EXPECT_EQ(ServesPath(table, "/ab"), "");
  EXPECT_EQ(ServesPath(table, "/"), "");
}

TEST(TableTest, AVariableIsOneSegmentThatIsNotEmpty) {
  const Table table = TableOf({{.name = "a", .paths = {"/a/{x}"}}});
  EXPECT_EQ(ServesPath(table, "/a/1"), "a");
  EXPECT_EQ(ServesPath(table, "/a/"), "");
  EXPECT_EQ(ServesPath(table, "/a"), "");
  EXPECT_EQ(ServesPath(table, "/a/1/"), "");
  EXPECT_EQ(ServesPath(table, "/a/1/2"), "");
}

TEST(TableTest, ASlashAtTheEndMakesAnotherPath) {
  const Table table =
      TableOf({{.name = "with", .paths = {"/a/"}}, {.name = "without", .paths = {"/a"}}});
  EXPECT_EQ(ServesPath(table, "/a/"), "with");
  EXPECT_EQ(ServesPath(table, "/a"), "without");
}

TEST(TableTest, MorePredicatesGoBeforeFewer) {
  const Table table = TableOf({{.name = "a"},
                               {.name = "b", .headers = {{"x", "*"}}},
                               {.name = "c", .methods = {"GET"}, .headers = {{"x", "*"}}}});
  EXPECT_EQ(Serves(table, {}), "a");
  EXPECT_EQ(Serves(table, {.method = "PUT", .headers = {{"x", "1"}}}), "b");
  EXPECT_EQ(Serves(table, {.headers = {{"x", "1"}}}), "c");
}

TEST(TableTest, TheSmallerNameDecidesLast) {
  const Table table = TableOf({{.name = "b", .headers = {{"y", "*"}}},
                               {.name = "a", .headers = {{"x", "*"}}},
                               {.name = "c", .paths = {"~/.*"}},
                               {.name = "d", .paths = {"~/a.*"}}});
  EXPECT_EQ(Serves(table, {.path = "/a", .headers = {{"x", "1"}, {"y", "1"}}}), "c");
  EXPECT_EQ(Serves(table.With({"c", "d"}, {}), {.headers = {{"x", "1"}, {"y", "1"}}}), "a");
}

TEST(TableTest, OfTwoExpressionsOfARouteTheFirstIsTheOneThatMatched) {
  const Table table = TableOf({{.name = "a", .paths = {"~/a/b.*", "~/a.*", "~/a/.*"}}});
  MatchResult result;
  ASSERT_TRUE(table.Match(TestRequest{.path = "/a/b"}.View(), &result));
  EXPECT_EQ(result.path_index, 0);
  ASSERT_TRUE(table.Match(TestRequest{.path = "/a/c"}.View(), &result));
  EXPECT_EQ(result.path_index, 1);
}

TEST(TableTest, GetIncludesHead) {
  const Table table = TableOf({{.name = "a", .methods = {"GET"}}});
  EXPECT_EQ(Serves(table, {.method = "HEAD"}), "a");
  EXPECT_EQ(Serves(table, {.method = "get"}), "");
}

TEST(TableTest, OfSeveralValuesOneMustMatch) {
  const Table table = TableOf({{.name = "a", .headers = {{"X-Team", "a"}}}});
  EXPECT_EQ(Serves(table, {.headers = {{"x-team", "b"}, {"x-team", "a"}}}), "a");
  EXPECT_EQ(Serves(table, {.headers = {{"x-team", "b"}}}), "");
  EXPECT_EQ(Serves(table, {.headers = {{"x-team", "a, b"}}}), "");
}

TEST(TableTest, AbsentMeansNotOnce) {
  const Table table = TableOf({{.name = "a", .headers = {{"x", "!"}}}});
  EXPECT_EQ(Serves(table, {}), "a");
  EXPECT_EQ(Serves(table, {.headers = {{"x", ""}}}), "");
}

TEST(TableTest, QueryParametersAreDecoded) {
  const Table table = TableOf({{.name = "a", .query = {{"first name", "J\xC3\xB6rg +"}}},
                               {.name = "b", .query = {{"q", "~a b.*"}}}});
  EXPECT_EQ(Serves(table, {.query = "x=1&first+name=J%C3%B6rg%20%2B"}), "a");
  EXPECT_EQ(Serves(table, {.query = "first%20name=J%c3%b6rg++"}), "");
  EXPECT_EQ(Serves(table, {.query = "q=a%20b%21"}), "b");
  EXPECT_EQ(Serves(table, {.query = absl::StrCat("q=a+b", std::string(5000, 'x'))}), "b");
}

TEST(TableTest, AQueryParameterWithoutValueIsPresentAndEmpty) {
  const Table table = TableOf({{.name = "a", .query = {{"debug", ""}}}});
  EXPECT_EQ(Serves(table, {.query = "debug"}), "a");
  EXPECT_EQ(Serves(table, {.query = "debug="}), "a");
  EXPECT_EQ(Serves(table, {.query = "debug=1"}), "");
}

TEST(TableTest, CookiesOfAllLinesCount) {
  const Table table = TableOf({{.name = "a", .cookies = {{"beta", "1"}}}});
  EXPECT_EQ(Serves(table, {.headers = {{"cookie", "a=b; beta=1"}}}), "a");
  EXPECT_EQ(Serves(table, {.headers = {{"cookie", "a=b"}, {"cookie", "beta=1"}}}), "a");
  EXPECT_EQ(Serves(table, {.headers = {{"cookie", "xbeta=1; beta=12"}}}), "");
}

TEST(TableTest, ClientsAreComparedByAddress) {
  const Table table = TableOf({{.name = "v4", .client_ips = {"10.0.0.0/8", "192.0.2.1"}},
                               {.name = "v6", .client_ips = {"::/0"}}});
  EXPECT_EQ(Serves(table, {.client_ip = "10.255.0.1"}), "v4");
  EXPECT_EQ(Serves(table, {.client_ip = "192.0.2.1"}), "v4");
  EXPECT_EQ(Serves(table, {.client_ip = "192.0.2.2"}), "");
  EXPECT_EQ(Serves(table, {.client_ip = "2001:db8::1"}), "v6");
}

std::vector<std::string> CapturesOf(const std::string& pattern, const std::string& path) {
  const Table table = TableOf({{.name = "a", .paths = {pattern}}});
  MatchResult result;
  const TestRequest request = {.path = path};
  EXPECT_TRUE(table.Match(request.View(), &result));
  Captures captures;
  ReadCaptures(result, request.path, &captures);
  std::vector<std::string> texts;
  for (const Capture& capture : captures) {
    texts.push_back(absl::StrCat(capture.name, "=", capture.value));
  }
  return texts;
}

TEST(CapturesTest, VariablesHoldTheirSegments) {
  EXPECT_THAT(CapturesOf("/users/{id}/{rest*}", "/users/7/a/b/"),
              testing::ElementsAre("id=7", "rest=a/b/"));
  EXPECT_THAT(CapturesOf("/users/{rest*}", "/users"), testing::ElementsAre("rest="));
  EXPECT_THAT(CapturesOf("/users/*", "/users/7"), IsEmpty());
}

TEST(CapturesTest, GroupsHoldTheirTexts) {
  EXPECT_THAT(CapturesOf("~/(v[0-9])/(?P<id>.*)", "/v1/x/y"),
              testing::ElementsAre("1=v1", "id=x/y"));
}

TEST(AllowedMethodsTest, TheMethodsOfAllRoutesThatMatchOtherwiseAreJoined) {
  const Table table = TableOf({{.name = "a", .paths = {"/x"}, .methods = {"GET"}},
                               {.name = "b", .paths = {"/*"}, .methods = {"PURGE", "POST"}},
                               {.name = "c", .paths = {"/y"}, .methods = {"PUT"}},
                               {.name = "d", .methods = {"PATCH"}, .headers = {{"x", "1"}}},
                               {.name = "e", .hosts = {"example.com"}, .methods = {"DELETE"}}});
  EXPECT_EQ(table.AllowedMethods(TestRequest{.method = "LOCK", .path = "/x"}.View()),
            "GET, HEAD, POST, DELETE, PURGE");
  EXPECT_EQ(TableOf({{.name = "a", .paths = {"/x"}}}).AllowedMethods(TestRequest().View()), "");
}

TEST(TableTest, AVersionKeepsItsRoutesWhateverBecomesOfIt) {
  auto first = std::make_unique<Table>(TableOf({{.name = "a", .paths = {"/x"}}, {.name = "b"}}));
  const Table second = first->With({"b"}, {Route({.name = "a", .paths = {"/y"}})});
  EXPECT_EQ(ServesPath(*first, "/x"), "a");
  EXPECT_EQ(ServesPath(*first, "/y"), "b");
  first.reset();
  EXPECT_EQ(ServesPath(second, "/x"), "");
  EXPECT_EQ(ServesPath(second, "/y"), "a");
  EXPECT_EQ(second.size(), 1u);
}

TEST(TableTest, RemovingWhatIsNotThereChangesNothing) {
  const Table table = TableOf({{.name = "a"}}).With({"b"}, {});
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(ServesPath(table, "/"), "a");
}

TEST(TableTest, RoutesAreFoundByName) {
  const Table table = TableOf({{.name = "a"}, {.name = "b"}});
  ASSERT_NE(table.Find("b"), nullptr);
  EXPECT_EQ(table.Find("b")->spec->name(), "b");
  EXPECT_EQ(table.Find("c"), nullptr);
  size_t count = 0;
  table.ForEach([&](const Table::Route&) { ++count; });
  EXPECT_EQ(count, 2u);
}

TEST(TableTest, ManyRoutesOnOnePathAreAllReached) {
  std::vector<RouteSpec> specs;
  for (int i = 0; i < 500; ++i) {
    specs.push_back({.name = absl::StrCat("r", i), .headers = {{"tenant", absl::StrCat(i)}}});
  }
  const Table table = TableOf(specs);
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(Serves(table, {.headers = {{"tenant", absl::StrCat(i)}}}), absl::StrCat("r", i));
  }
}

TEST(TableTest, LookingAheadFindsWhatWillBeFoundOrNothing) {
  constexpr int kRoutes = 10'000;
  for (const bool by_host : {false, true}) {
    std::vector<Table::Route> routes;
    for (int i = 0; i < kRoutes; ++i) {
      RouteSpec spec{.name = absl::StrCat("r", i)};
      if (by_host) spec.hosts = {absl::StrCat("h", i, ".example")};
      if (!by_host) spec.paths = {absl::StrCat("/p", i, "/x")};
      routes.push_back(Route(spec, i + 1));
    }
    const Table table = Table().With({}, routes);
    int found = 0;
    for (int i = 0; i < kRoutes; i += 7) {
      const TestRequest request{.host = absl::StrCat("H", i, ".example:80"),
                                .path = by_host ? "/" : absl::StrCat("/p", i, "/x")};
      Table::Ahead ahead = table.LookAhead(request.host, request.path);
      uint64_t payload = 0;
      for (int step = 0; step < 4 && payload == 0; ++step) payload = ahead.Advance();
      if (payload != 0) {
        ASSERT_EQ(payload, static_cast<uint64_t>(i) + 1);
      }
      found += payload != 0;
      ASSERT_EQ(Serves(table, request), absl::StrCat("r", i));
    }
    EXPECT_GT(found, kRoutes / 7 / 2);
    for (const absl::string_view path : {"", "/", "*", "//", "/p", "/p1/"}) {
      Table::Ahead ahead = table.LookAhead("", path);
      ahead.Advance();
      ahead.Advance();
    }
  }
}

// Workers read one version while the next are made and old ones destroyed.
TEST(TableTest, VersionsAreReadWhileOthersAreMade) {
  std::vector<RouteSpec> specs;
  for (int i = 0; i < 300; ++i) {
    specs.push_back({.name = absl::StrCat("r", i), .paths = {absl::StrCat("/s", i, "/{id}")}});
  }
  const Table kept = TableOf(specs);
  std::atomic<bool> is_over = false;
  std::atomic<int> wrong = 0;
  std::atomic<int> started = 0;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      for (int i = reader; !is_over || i < 2000; ++i) {
        const std::string name = absl::StrCat("r", i % 300);
        if (ServesPath(kept, absl::StrCat("/s", i % 300, "/1")) != name) ++wrong;
        if (i == reader) ++started;
      }
    });
  }
  while (started < 3) std::this_thread::yield();
  Table latest = kept;
  for (int i = 0; i < 2000; ++i) {
    latest = latest.With(
        {absl::StrCat("r", i % 300)},
        {Route({.name = absl::StrCat("n", i), .paths = {absl::StrCat("/s", i, "/x")}})});
  }
  is_over = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(ServesPath(latest, "/s1999/x"), "n1999");
}

}  // namespace
}  // namespace sluice::match
