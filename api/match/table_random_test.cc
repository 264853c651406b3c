// Random routes and requests over small alphabets, so that almost everything overlaps: the table
// must give the same answers as the reference, after every change, and old versions must keep
// theirs.
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/match/explain.h"
#include "api/match/table.h"
#include "api/match/testing/reference_matcher.h"
#include "api/match/testing/test_request.h"

namespace sluice::match {
namespace {

using Strings = std::vector<std::string>;

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  size_t Below(size_t bound) { return random_() % bound; }
  bool OneIn(size_t n) { return Below(n) == 0; }

  RouteSpec Route() {
    RouteSpec route;
    route.name = absl::StrCat("r", Below(60));
    for (size_t i = Below(3); i > 0; --i) {
      AddNew(&route.hosts, Pick({"x", "a.x", "b.a.x", "A.X.", "*.x", "*.a.x", "*.b.a.x", "y"}));
    }
    for (size_t i = Below(4); i > 0; --i) AddNew(&route.paths, Path());
    if (OneIn(3)) route.methods = {Pick({"GET", "POST", "HEAD", "PURGE"})};
    if (OneIn(8)) route.methods = {"GET", "PUT", "LOCK"};
    if (OneIn(4)) route.headers[Pick({"h", "x-i"})] = Predicate();
    if (OneIn(6)) route.query[Pick({"q", "x y"})] = Predicate();
    if (OneIn(6)) route.cookies[Pick({"c", "d"})] = Predicate();
    if (OneIn(8)) route.client_ips = {Pick({"10.0.0.0/8", "10.1.0.0/16", "::/0", "2001:db8::1"})};
    if (OneIn(4)) route.priority = static_cast<int32_t>(Below(4)) - 2;
    return route;
  }

  TestRequest Request() {
    TestRequest request;
    request.method = Pick({"GET", "GET", "HEAD", "POST", "PURGE", "LOCK", "DELETE"});
    request.host = Pick({"x", "a.x", "b.a.x", "c.b.a.x", "B.A.X.", "a.x:8080", "y", "z", "", ".x"});
    request.path = OneIn(30) ? Pick({"*", ""}) : Segments(4, Pick({"abcd", "ab", "a"}));
    request.query = Pick({"", "", "q=1", "q=2&q=1", "%71=%31", "x+y=1", "q", "r=1&&x%20y=a%2"});
    request.client_ip = Pick({"10.1.2.3", "10.2.2.3", "192.0.2.1", "2001:db8::1", "2001:db8::2"});
    if (OneIn(2)) request.headers.push_back({Pick({"h", "x-i"}), Pick({"1", "2", ""})});
    if (OneIn(4)) request.headers.push_back({"h", Pick({"1", "2"})});
    if (OneIn(2)) request.headers.push_back({"cookie", Pick({"c=1", "d=2; c=2", "c=\xFF; c=1"})});
    return request;
  }

 private:
  std::string Pick(const Strings& from) { return from[Below(from.size())]; }

  static void AddNew(Strings* list, const std::string& item) {
    const auto key = [](const std::string& text) {
      if (text[0] == '~') return text;
      if (absl::EndsWith(text, "/{rest*}"))
        return absl::StrCat(absl::StripSuffix(text, "{rest*}"), "*");
      return absl::AsciiStrToLower(absl::StripSuffix(text, "."));
    };
    for (const std::string& other : *list) {
      if (key(other) == key(item)) return;
    }
    list->push_back(item);
  }

  // "/" and up to `most` segments of one letter; at times with a slash at the end.
  std::string Segments(size_t most, const std::string& letters) {
    std::string path;
    for (size_t i = Below(most + 1); i > 0; --i) {
      absl::StrAppend(&path, "/", std::string(1, letters[Below(letters.size())]));
    }
    return path.empty() || OneIn(6) ? path + "/" : path;
  }

  std::string Path() {
    if (OneIn(8)) {
      return Pick({"~/a.*", "~/a/[ab]", "~/(a|b)/?.*", "~/a/b/.+", "~.*", "~/[^/]+/b", "~/a/b",
                   "~/./b/a/.*", "~/[ab]/a/a/?b?", "~/[ab]*/b/b/a", "~/.+/c/d",
                   "~/[^a]/a/b/{0,3}"});
    }
    std::string path = Segments(4, "ab");
    // Some segments become variables; equal shapes within a route are refused, so names are fixed.
    Strings segments = absl::StrSplit(path.substr(1), '/');
    for (size_t i = 0; i < segments.size(); ++i) {
      if (!segments[i].empty() && OneIn(3)) segments[i] = absl::StrCat("{v", i, "}");
    }
    path = absl::StrCat("/", absl::StrJoin(segments, "/"));
    if (!OneIn(3) || path.back() == '/') return path;
    return absl::StrCat(path, OneIn(2) ? "/*" : "/{rest*}");
  }

  std::string Predicate() { return Pick({"1", "2", "*", "!", "~[12]", "~.*", "", "a%2"}); }

  std::mt19937 random_;
};

struct Version {
  Table table;
  ReferenceMatcher reference;
};

std::string Describe(const ReferenceMatcher& reference, const TestRequest& request) {
  std::string text = absl::StrCat(request.method, " host=", request.host, " path=", request.path,
                                  " query=", request.query, " ip=", request.client_ip, "\n");
  for (const auto& [name, route] : reference.routes) {
    absl::StrAppend(&text, name, " priority=", route.priority,
                    " hosts=", absl::StrJoin(route.hosts, ","),
                    " paths=", absl::StrJoin(route.paths, ","),
                    " methods=", absl::StrJoin(route.methods, ","), "\n");
  }
  return text;
}

void CheckOne(const Version& version, const TestRequest& request) {
  MatchResult result;
  const bool is_found = version.table.Match(request.View(), &result);
  const std::string name = is_found ? std::string(result.spec->name()) : "";
  ASSERT_EQ(name, version.reference.Match(request).value_or(""))
      << Describe(version.reference, request);
  const Explanation explanation = Explain(version.table, request.View());
  ASSERT_EQ(explanation.winner != nullptr, is_found);
  if (is_found) {
    ASSERT_EQ(explanation.winner->spec->name(), name) << Describe(version.reference, request);
    ASSERT_EQ(result.payload, version.table.Find(name)->payload);
    ASSERT_EQ(explanation.path, result.spec->paths()[result.path_index].text);
    return;
  }
  const std::set<std::string> wanted = version.reference.AllowedMethods(request);
  const std::string allowed = version.table.AllowedMethods(request.View());
  std::set<std::string> got;
  if (!allowed.empty()) got = absl::StrSplit(allowed, ", ");
  ASSERT_EQ(got, wanted) << Describe(version.reference, request);
}

class TableRandomTest : public testing::TestWithParam<uint32_t> {};

TEST_P(TableRandomTest, AnswersAreThoseOfTheReferenceInEveryVersion) {
  Generator generate(GetParam());
  std::vector<Version> versions(1);
  uint64_t payload = 0;
  for (int step = 0; step < 40; ++step) {
    Version next = versions[generate.Below(versions.size())];
    Strings removals;
    std::vector<Table::Route> upserts;
    for (size_t i = generate.Below(6); i > 0; --i) {
      removals.push_back(absl::StrCat("r", generate.Below(60)));
      next.reference.routes.erase(removals.back());
    }
    for (size_t i = generate.Below(12); i > 0; --i) {
      const RouteSpec route = generate.Route();
      auto compiled = Compile(route);
      ASSERT_TRUE(compiled.ok()) << compiled.status();
      upserts.push_back({*compiled, ++payload});
      next.reference.routes[route.name] = route;
    }
    next.table = next.table.With(removals, upserts);
    ASSERT_EQ(next.table.size(), next.reference.routes.size());
    for (int i = 0; i < 100 && !HasFatalFailure(); ++i) CheckOne(next, generate.Request());
    for (int i = 0; i < 20 && !HasFatalFailure(); ++i) {
      CheckOne(versions[generate.Below(versions.size())], generate.Request());
    }
    if (HasFatalFailure()) return;
    if (versions.size() < 8) {
      versions.push_back(std::move(next));
    } else {
      versions[generate.Below(versions.size())] = std::move(next);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TableRandomTest, testing::Range(0u, 3u));

}  // namespace
}  // namespace sluice::match
