#include "api/validate/syntax.h"

#include <string>
#include <utility>
#include <vector>

#include "api/validate/template.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::validate {
namespace {

using ::testing::ElementsAre;

TEST(HostPortTest, ReadsAddressesAndNames) {
  const std::optional<HostPort> v6 = ParseHostPort("[2001:DB8::1]:443");
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->host, "2001:db8::1");
  EXPECT_EQ(v6->port, 443);
  EXPECT_TRUE(v6->is_ip && v6->is_ipv6);
  const std::optional<HostPort> name = ParseHostPort("Orders.Internal:80");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->host, "orders.internal");
  EXPECT_FALSE(name->is_ip);
}

TEST(HostPortTest, RefusesWhatCannotBeConnectedTo) {
  for (const char* text : {"",
                           ":",
                           "a",
                           "a:",
                           ":80",
                           "a:0",
                           "a:65536",
                           "a:99999999999",
                           "a:8o",
                           "a: 80",
                           "::1:80",
                           "[::1]",
                           "[::1:80",
                           "[a]:80",
                           "[10.0.0.1]:80",
                           "a..b:80",
                           "-a:80",
                           "a-:80",
                           "a b:80",
                           "1.2.3:80",
                           "1.2.3.4.5:80",
                           "[::1%eth0]:80",
                           "a/b:80"}) {
    EXPECT_EQ(ParseHostPort(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseHostPort(std::string(64, 'a') + ":80"), std::nullopt);
}

TEST(HostPortTest, AllNotationsOfOneAddressHaveOneText) {
  EXPECT_EQ(ParseHostPort("[0:0::1]:80")->ToString(), ParseHostPort("[::1]:80")->ToString());
  EXPECT_EQ(ParseHostPort("A.b.:80")->ToString(), "a.b:80");
  EXPECT_EQ(ParseHostPort("[::ffff:1.2.3.4]:80")->ToString(), "[::ffff:1.2.3.4]:80");
}

TEST(AuthorityTest, MayHaveAPort) {
  for (const char* text : {"a", "a.b", "a:80", "10.0.0.1", "[::1]", "[::1]:80"}) {
    EXPECT_EQ(CheckAuthority(text), std::nullopt) << text;
  }
  for (const char* text : {"", "::1", "a b", "a/b", "http://a", "a:", "user@a"}) {
    EXPECT_TRUE(CheckAuthority(text).has_value()) << text;
  }
}

TEST(HeaderTest, NamesAreTokens) {
  EXPECT_EQ(CheckHeaderName("X-Team_1"), std::nullopt);
  for (const char* text : {"", "a b", "a:", "a\n", "ä", "(a)", ":path"}) {
    EXPECT_TRUE(CheckHeaderName(text).has_value()) << text;
  }
  EXPECT_TRUE(CheckHeaderName(std::string(257, 'a')).has_value());
}

TEST(HeaderTest, ValuesCannotEndALine) {
  EXPECT_EQ(CheckHeaderValue("a\tb ä"), std::nullopt);
  EXPECT_EQ(CheckHeaderValue(""), std::nullopt);
  for (absl::string_view text :
       {absl::string_view("a\rb"), absl::string_view("a\nb"), absl::string_view("a\0b", 3),
        absl::string_view("\x7F"), absl::string_view(" a"), absl::string_view("a ")}) {
    EXPECT_TRUE(CheckHeaderValue(text).has_value()) << text;
  }
}

TEST(HeaderTest, FramingBelongsToTheProxyAlone) {
  for (const char* name : {"Connection", "content-length", "TE", "Transfer-Encoding", "Upgrade",
                           "trailer", "expect", "keep-alive", "proxy-connection"}) {
    EXPECT_TRUE(IsFramingHeader(name)) << name;
  }
  EXPECT_FALSE(IsFramingHeader("content-type"));
}

std::vector<TemplatePart> PartsOf(absl::string_view text) {
  std::vector<TemplatePart> parts;
  EXPECT_EQ(ParseTemplate(text, /*is_response=*/true, &parts), std::nullopt) << text;
  return parts;
}

TEST(TemplateTest, TextsAndVariablesComeInOrder) {
  EXPECT_THAT(
      PartsOf("a$$b ${client_ip}${header.X-A}"),
      ElementsAre(TemplatePart{Variable::kText, "a$b "}, TemplatePart{Variable::kClientIp, ""},
                  TemplatePart{Variable::kHeader, "X-A"}));
  EXPECT_THAT(
      PartsOf("${query.a[]}${capture.id}${status}"),
      ElementsAre(TemplatePart{Variable::kQuery, "a[]"}, TemplatePart{Variable::kCapture, "id"},
                  TemplatePart{Variable::kStatus, ""}));
  EXPECT_THAT(PartsOf(""), ElementsAre());
  EXPECT_THAT(PartsOf("$$$$"), ElementsAre(TemplatePart{Variable::kText, "$$"}));
}

TEST(TemplateTest, EveryOtherDollarSignIsRefused) {
  for (const char* text : {"$", "a$", "$a", "${", "${}", "${a", "${banana}", "${header.}",
                           "${header.a b}", "${capture.a-b}", "${query.}", "$$$", "${client_ip"}) {
    EXPECT_TRUE(ParseTemplate(text, true, nullptr).has_value()) << text;
  }
}

TEST(PathTemplateTest, CapturesStandInBraces) {
  std::vector<TemplatePart> parts;
  EXPECT_EQ(ParsePathTemplate("/v2/{id}/x/{1}", &parts), std::nullopt);
  EXPECT_THAT(
      parts,
      ElementsAre(TemplatePart{Variable::kText, "/v2/"}, TemplatePart{Variable::kCapture, "id"},
                  TemplatePart{Variable::kText, "/x/"}, TemplatePart{Variable::kCapture, "1"}));
}

TEST(PathTemplateTest, RefusesSegmentsThatLeadElsewhere) {
  for (const char* text :
       {"/..", "/a/../{b}", "/.", "/a/./b", "/%2e%2E/a", "/%zz", "/a%2", "/..;x", "/a%00b"}) {
    EXPECT_TRUE(ParsePathTemplate(text, nullptr).has_value()) << text;
  }
  for (const char* text : {"/", "//a/", "/.{b}", "/{a}.", "/..a", "/a%2Fb", "/%41"}) {
    EXPECT_EQ(ParsePathTemplate(text, nullptr), std::nullopt) << text;
  }
}

TEST(PathTemplateTest, RefusesWhatIsNoPath) {
  for (const char* text : {"", "a", "{a}", "/a b", "/a?b", "/a#b", "/a\\b", "/{", "/}", "/{}",
                           "/{a", "/{a b}", "/{a{b}}", "/ä", "/\x7F"}) {
    EXPECT_TRUE(ParsePathTemplate(text, nullptr).has_value()) << text;
  }
}

}  // namespace
}  // namespace sluice::validate
