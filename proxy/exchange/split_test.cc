#include "proxy/exchange/split.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace sluice::exchange {
namespace {

// Of a request with one header.
match::RequestView ViewOf(const std::pair<std::string, std::string>& header) {
  match::RequestView view;
  view.headers.context = &header;
  view.headers.function = [](const void* context, absl::string_view name,
                             absl::Span<absl::string_view> values) -> size_t {
    const auto& header = *static_cast<const std::pair<std::string, std::string>*>(context);
    if (header.first != name) return 0;
    values[0] = header.second;
    return 1;
  };
  return view;
}

SplitTarget Weighted(const std::string& upstream, uint32_t weight) {
  SplitTarget target;
  target.upstream = upstream;
  target.weight = weight;
  return target;
}

SplitTarget When(const std::string& upstream, const std::string& header, const std::string& value) {
  SplitTarget target;
  target.upstream = upstream;
  match::RouteSpec spec;
  spec.headers[header] = value;
  target.when = *match::Compile(spec);
  return target;
}

const StickyCookie kCookie = {.name = "lane", .path = "/"};

std::string ValueOf(absl::string_view set_cookie) {
  const size_t begin = set_cookie.find('=') + 1;
  return std::string(set_cookie.substr(begin, set_cookie.find(';') - begin));
}

TEST(SplitTest, EachGetsItsShareOfTheWeights) {
  const Split split({Weighted("a", 1), Weighted("none", 0), Weighted("b", 3)}, {});
  std::map<std::string, int> counts;
  for (uint64_t random = 0; random < 400; ++random) {
    const Split::Choice choice = split.Choose({}, "", false, random);
    ++counts[choice.target->upstream];
    EXPECT_EQ(choice.set_cookie, "");
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"a", 100}, {"b", 300}}));
}

TEST(SplitTest, TheFirstWhoseConditionsHoldTakesTheRequest) {
  const Split split({Weighted("rest", 1), When("one", "x", "~1.*"), When("two", "x", "12")}, {});
  EXPECT_EQ(split.Choose(ViewOf({"x", "12"}), "", false, 0).target->upstream, "one");
  EXPECT_EQ(split.Choose(ViewOf({"x", "2"}), "", false, 0).target->upstream, "rest");
  EXPECT_EQ(split.Choose({}, "", false, 0).target->upstream, "rest");
}

TEST(SplitTest, AClientStaysWhereItWas) {
  const Split split({Weighted("a", 1), Weighted("b", 1)}, kCookie);
  const Split::Choice first = split.Choose({}, "", false, 1);
  EXPECT_EQ(first.target->upstream, "b");
  const std::string cookie = ValueOf(first.set_cookie);
  for (uint64_t random = 0; random < 4; ++random) {
    const Split::Choice next = split.Choose({}, cookie, false, random);
    EXPECT_EQ(next.target->upstream, "b");
    EXPECT_EQ(next.set_cookie, "");
  }
}

TEST(SplitTest, ConditionsGoBeforeTheCookieAndSetNone) {
  const Split split({When("canary", "x", "1"), Weighted("a", 1)}, kCookie);
  const std::string cookie = ValueOf(split.Choose({}, "", false, 0).set_cookie);
  const Split::Choice choice = split.Choose(ViewOf({"x", "1"}), cookie, false, 0);
  EXPECT_EQ(choice.target->upstream, "canary");
  EXPECT_EQ(choice.set_cookie, "");
}

TEST(SplitTest, ACookieOfNobodyOrOfOneWithoutWeightIsReplaced) {
  const Split before({Weighted("a", 1), Weighted("b", 0)}, kCookie);
  const Split after({Weighted("a", 0), Weighted("b", 1)}, kCookie);
  const std::string cookie = ValueOf(before.Choose({}, "", false, 0).set_cookie);
  for (const std::string& stale : {cookie, std::string("forged"), std::string("0")}) {
    const Split::Choice choice = after.Choose({}, stale, false, 0);
    EXPECT_EQ(choice.target->upstream, "b");
    EXPECT_NE(choice.set_cookie, "");
  }
}

TEST(SplitTest, TheCookieTellsNoNameAndIsGuarded) {
  const Split split({Weighted("secret-upstream", 1)},
                    {.name = "lane", .path = "/shop", .ttl_seconds = 60});
  const absl::string_view plain = split.Choose({}, "", false, 0).set_cookie;
  EXPECT_FALSE(absl::StrContains(plain, "secret"));
  EXPECT_EQ(plain, "lane=" + ValueOf(plain) + "; Path=/shop; Max-Age=60; HttpOnly; SameSite=Lax");
  EXPECT_EQ(ValueOf(plain).size(), 16);
  EXPECT_EQ(split.Choose({}, "", true, 0).set_cookie, std::string(plain) + "; Secure");
}

// A proxy serves what it was sent, whatever validation would have said of it.
TEST(SplitTest, WithoutAnyWeightNothingIsChosen) {
  EXPECT_EQ(Split({Weighted("a", 0)}, kCookie).Choose({}, "", false, 7).target, nullptr);
  EXPECT_EQ(Split({}, {}).Choose({}, "", false, 7).target, nullptr);
}

}  // namespace
}  // namespace sluice::exchange
