#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "api/validate/transcoding/http_rules.h"
#include "api/validate/transcoding/testing/shop.h"
#include "api/validate/transcoding/url_template.h"

namespace sluice::validate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// The values of a path, or nothing if it does not match.
std::optional<UrlTemplate::Values> Match(absl::string_view text, absl::string_view path) {
  UrlTemplate made;
  const auto flaw = made.Parse(text);
  EXPECT_FALSE(flaw.has_value()) << text;
  return made.Match(path);
}

TEST(UrlTemplateTest, LiteralsMatchThemselves) {
  EXPECT_TRUE(Match("/v1/items", "/v1/items").has_value());
  EXPECT_FALSE(Match("/v1/items", "/v1/item").has_value());
  EXPECT_FALSE(Match("/v1/items", "/v1/items/").has_value());
  EXPECT_FALSE(Match("/v1/items", "/v1").has_value());
}

TEST(UrlTemplateTest, AStarIsOneSegmentAndTwoAreTheRest) {
  EXPECT_TRUE(Match("/v1/*/x", "/v1/a/x").has_value());
  EXPECT_FALSE(Match("/v1/*/x", "/v1/a/b/x").has_value());
  EXPECT_FALSE(Match("/v1/*/x", "/v1//x").has_value());
  EXPECT_TRUE(Match("/v1/**", "/v1/a/b/c").has_value());
  EXPECT_TRUE(Match("/v1/**", "/v1").has_value());
}

TEST(UrlTemplateTest, VariablesHaveWhatTheirSegmentsHold) {
  EXPECT_THAT(*Match("/v1/{id}", "/v1/a%20b%2Fc"), ElementsAre(Pair("id", "a b/c")));
  EXPECT_THAT(*Match("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/books/a%2Fb%20c"),
              ElementsAre(Pair("name", "shelves/1/books/a%2Fb c")));
  EXPECT_THAT(*Match("/{a}/{b.c=**}", "/x/y/z"), ElementsAre(Pair("a", "x"), Pair("b.c", "y/z")));
}

TEST(UrlTemplateTest, AVerbStandsBehindAColon) {
  EXPECT_THAT(*Match("/v1/{id}:publish", "/v1/7:publish"), ElementsAre(Pair("id", "7")));
  EXPECT_FALSE(Match("/v1/{id}:publish", "/v1/7").has_value());
  EXPECT_FALSE(Match("/v1/{id}:publish", "/v1/7:remove").has_value());
}

TEST(UrlTemplateTest, WhatIsNoTemplateIsRefused) {
  for (const char* text : {"", "v1", "/v1/", "/{", "/{}", "/{a", "/{a=}x", "/**/x", "/{a=**}/x",
                           "/{1a}", "/{a..b}", "/a*", "/a:", "/a:b:c", "/{a={b}}", "/a?b"}) {
    EXPECT_TRUE(UrlTemplate().Parse(text).has_value()) << text;
  }
}

std::string Shop() {
  std::string bytes;
  EXPECT_TRUE(absl::Base64Unescape(kShop, &bytes));
  return bytes;
}

TEST(HttpRulesTest, EveryBindingOfAServiceIsFoundByMethodAndPath) {
  const auto rules = HttpRules::Compile(Shop(), {"shop.v1.Prices"});
  ASSERT_TRUE(rules.ok()) << rules.status();
  const auto path_of = [&](absl::string_view method, absl::string_view path) {
    UrlTemplate::Values values;
    const HttpBinding* found = (*rules)->Find(method, path, values);
    return found == nullptr ? std::string() : found->grpc_path;
  };
  EXPECT_EQ(path_of("GET", "/v1/items/7"), "/shop.v1.Prices/Get");
  EXPECT_EQ(path_of("GET", "/v1/items"), "/shop.v1.Prices/List");
  EXPECT_EQ(path_of("PUT", "/v1/items"), "/shop.v1.Prices/Put");
  EXPECT_EQ(path_of("POST", "/v1/items:put"), "/shop.v1.Prices/Put");
  EXPECT_EQ(path_of("POST", "/v1/items"), "");
  EXPECT_EQ(path_of("GET", "/v2/items"), "");
}

TEST(HttpRulesTest, WhatCannotBeUsedIsNamed) {
  const auto problem = [](const std::string& set, const std::string& service) {
    return std::string(HttpRules::Compile(set, {service}).status().message());
  };
  EXPECT_THAT(problem(Shop(), "shop.v1.Nothing"), HasSubstr("no service shop.v1.Nothing"));
  EXPECT_THAT(problem(Shop(), "shop.v1.Silent"), HasSubstr("no method with a google.api.http"));
  EXPECT_THAT(problem("certainly not", "a"), HasSubstr("no descriptor set"));
  EXPECT_THAT(problem("", "a"), HasSubstr("no descriptor set"));
  EXPECT_THAT(problem(Shop() + Shop(), "shop.v1.Prices"), HasSubstr("twice"));
}

TEST(HttpRulesTest, ASetThatIsCutAnywhereIsRefusedOrUsable) {
  const std::string whole = Shop();
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto rules = HttpRules::Compile(whole.substr(0, size), {"shop.v1.Prices"});
    if (!rules.ok()) continue;
    EXPECT_THAT((*rules)->bindings(), ::testing::Not(IsEmpty()));
  }
}

}  // namespace
}  // namespace sluice::validate
