#include "api/match/regex.h"

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::match {
namespace {

using ::testing::ElementsAre;

std::unique_ptr<const Regex> Compiled(absl::string_view pattern) {
  auto regex = Regex::Compile(pattern);
  EXPECT_TRUE(regex.ok()) << regex.status();
  return *std::move(regex);
}

TEST(RegexTest, TheWholeTextMustMatch) {
  const auto regex = Compiled("/v[0-9]+");
  EXPECT_TRUE(regex->Matches("/v12"));
  EXPECT_FALSE(regex->Matches("/v12/x"));
  EXPECT_FALSE(regex->Matches("x/v12"));
}

TEST(RegexTest, AnAlternativeIsOneOfTheWhole) {
  const auto regex = Compiled("a|b");
  EXPECT_TRUE(regex->Matches("a"));
  EXPECT_FALSE(regex->Matches("ab"));
}

TEST(RegexTest, ParenthesesMustBalanceByThemselves) { EXPECT_FALSE(Regex::Compile("a)(b").ok()); }

TEST(RegexTest, AQuotationEndsWithTheExpression) {
  EXPECT_TRUE(Compiled("/a\\Q.b")->Matches("/a.b"));
  EXPECT_FALSE(Compiled("/a\\Q.b")->Matches("/a.b)"));
}

TEST(RegexTest, AnExpressionThatIsTooLargeIsRefused) {
  EXPECT_FALSE(Regex::Compile("((a{1,100}){1,100}){1,100}").ok());
}

TEST(RegexTest, GroupsAreCapturedByNumberAndName) {
  const auto regex = Compiled("/(v[0-9]+)/(?P<id>[^/]+)(/x)?");
  EXPECT_THAT(regex->group_names(), ElementsAre("1", "id", "3"));
  std::array<absl::string_view, 3> groups;
  ASSERT_TRUE(regex->Capture("/v1/abc", absl::MakeSpan(groups)));
  EXPECT_THAT(groups, ElementsAre("v1", "abc", ""));
}

TEST(RegexTest, AStrayByteDoesNotHideTheRestOfAText) {
  EXPECT_TRUE(Compiled(".*admin.*")
                  ->Matches("\xFF"
                            "admin\xC3"));
}

TEST(RegexTest, ACharacterOutsideAsciiIsOneCharacter) {
  EXPECT_TRUE(Compiled("caf[\xC3\xA9\xC3\xA8]")->Matches("caf\xC3\xA9"));
  EXPECT_FALSE(Compiled("caf[\xC3\xA9\xC3\xA8]")->Matches("caf\xC3"));
  EXPECT_TRUE(Compiled("\\p{Greek}+")->Matches("\xCE\xB1"));
}

TEST(RegexTest, WhatEveryMatchBeginsWithIsKnown) {
  EXPECT_EQ(Compiled("/api/users/[0-9]+")->prefix(), "/api/users/");
  EXPECT_EQ(Compiled("/v[0-9]+/orders")->prefix(), "/v");
  EXPECT_EQ(Compiled("/a/b")->prefix(), "/a/b");
  EXPECT_EQ(Compiled("/a/b|/a/c")->prefix(), "/a/");
  EXPECT_EQ(Compiled(".*/a")->prefix(), "");
  EXPECT_EQ(Compiled("(?i)/a")->prefix(), "/");
}

TEST(RegexTest, WhatEveryMatchEndsWithIsKnown) {
  EXPECT_EQ(Compiled("/v[0-9]+/orders-7")->suffix(), "/orders-7");
  EXPECT_EQ(Compiled("/(a|b)/c")->suffix(), "/c");
  EXPECT_EQ(Compiled("/a.b?c")->suffix(), "c");
  EXPECT_EQ(Compiled("/[])|(]/c")->suffix(), "/c");
  EXPECT_EQ(Compiled("/x\\pLb/c")->suffix(), "/c");
}

TEST(Regex, LiteralsAreTheTextThatEveryMatchHolds) {
  EXPECT_THAT(Compiled("/v[0-9]+/orders-7/.*")->literals(), ElementsAre("/v", "/orders-7/"));
  EXPECT_THAT(Compiled("/ab?c/x*y")->literals(), ElementsAre("/a", "c/", "y"));
  EXPECT_THAT(Compiled("/ab{0,1000}c")->literals(), ElementsAre("/a", "c"));
  EXPECT_THAT(Compiled("/a(b|/c)d")->literals(), ElementsAre("/a", "d"));
  EXPECT_THAT(Compiled("/a(bc)?d")->literals(), ElementsAre("/a", "d"));
  EXPECT_THAT(Compiled("\\x41bc/d")->literals(), ElementsAre("/d"));
  EXPECT_THAT(Compiled("/a|/b")->literals(), ElementsAre());
  EXPECT_THAT(Compiled("(?i)/abc")->literals(), ElementsAre());
}

TEST(RegexTest, NoEndIsClaimedThatIsNotCertain) {
  for (const char* pattern :
       {"/a/(b|c)", "/a|/b", "/(a|b)|/b", "/x\\d", "/x\\x41b", "/(?i)x", "/(?si)x", "/ab?",
        "/\\Qa|b", "/[[:alpha:])]|x", "/a$", "/\\|", "/a|[)]b"}) {
    EXPECT_EQ(Compiled(pattern)->suffix(), "") << pattern;
  }
}

}  // namespace
}  // namespace sluice::match
