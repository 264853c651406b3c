#include "proxy/plugins/redirect/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/redirect.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::HasSubstr;

class RedirectTest : public ::testing::Test {
 protected:
  // Where a request for `target` of example.com:8080 is sent.
  std::string Location(absl::string_view config, absl::string_view target,
                       std::map<std::string, std::string> captures = {}) {
    PluginHarness h;
    h.SetCaptures(std::move(captures));
    h.Add(&MakeRedirect, config);
    h.Request("GET", target, {{"host", "example.com:8080"}});
    EXPECT_FALSE(h.was_forwarded());
    status_ = h.response().status;
    return std::string(h.response().headers.Get("location"));
  }

  int status_ = 0;
};

TEST_F(RedirectTest, AnotherHostKeepsSchemePathAndQuery) {
  EXPECT_EQ(Location("host: 'new.example:81'", "/a?b=1"), "http://new.example:81/a?b=1");
  EXPECT_EQ(status_, 302);
}

TEST_F(RedirectTest, AnotherSchemeKeepsTheHostButNotThePort) {
  EXPECT_EQ(Location("scheme: 'https'", "/a"), "https://example.com/a");
}

TEST_F(RedirectTest, ARequestThatIsWhereItWouldBeSentIsLetThrough) {
  for (const char* config : {"scheme: 'http'", "host: 'example.com:8080'",
                             "scheme: 'http' host: 'example.com:8080' path: '/a'"}) {
    PluginHarness h;
    h.Add(&MakeRedirect, config);
    h.Request("GET", "/a?b", {{"host", "example.com:8080"}});
    EXPECT_TRUE(h.was_forwarded()) << config;
  }
  EXPECT_EQ(Location("scheme: 'http' strip_query: true", "/a?b"), "http://example.com:8080/a");
}

TEST_F(RedirectTest, APortOfAnIpv6HostIsDroppedToo) {
  PluginHarness h;
  h.Add(&MakeRedirect, "scheme: 'https'");
  h.Request("GET", "/", {{"host", "[2001:db8::1]:8080"}});
  EXPECT_EQ(h.response().headers.Get("location"), "https://[2001:db8::1]/");
  h.Request("GET", "/", {{"host", "[2001:db8::1]"}});
  EXPECT_EQ(h.response().headers.Get("location"), "https://[2001:db8::1]/");
}

TEST_F(RedirectTest, AnotherPathAloneIsAPath) {
  EXPECT_EQ(Location("path: '/new/{rest}'", "/old/a?b", {{"rest", "a"}}), "/new/a?b");
}

TEST_F(RedirectTest, TheQueryCanBeLeftOut) {
  EXPECT_EQ(Location("path: '/new' strip_query: true", "/a?b"), "/new");
  EXPECT_EQ(Location("path: '/new'", "/a?"), "/new?");
}

TEST_F(RedirectTest, TheStatusCanBeChosen) {
  Location("path: '/new' status: 308", "/");
  EXPECT_EQ(status_, 308);
}

TEST_F(RedirectTest, NoPathLeadsToAnotherHost) {
  EXPECT_EQ(Location("status: 301", "//evil.example/a"), "/evil.example/a");
  EXPECT_EQ(Location("path: '/{1}'", "/", {{"1", "/evil.example"}}), "/evil.example");
  EXPECT_EQ(Location("path: '/{1}'", "/", {{"1", "\\evil.example"}}), "/%5Cevil.example");
  EXPECT_EQ(Location("status: 301", "*"), "/");
}

TEST_F(RedirectTest, CapturesCannotClimbOutOfThePath) {
  EXPECT_EQ(Location("path: '/app/{1}'", "/", {{"1", ".."}}), "");
  EXPECT_EQ(status_, 400);
}

TEST_F(RedirectTest, WhatAnAddressCannotHoldIsEncoded) {
  EXPECT_EQ(Location("strip_query: false", "/a\"b?c=\"<\r\n\xff#%41%"),
            "/a%22b?c=%22%3C%0D%0A%FF%23%41%");
}

TEST_F(RedirectTest, ARequestWithoutAHostGetsAPath) {
  PluginHarness h;
  h.Add(&MakeRedirect, "scheme: 'https'");
  h.SetHost("");
  h.Request("GET", "/a");
  EXPECT_EQ(h.response().headers.Get("location"), "/a");
}

TEST_F(RedirectTest, NoRequestMakesALocationThatIsNone) {
  std::mt19937 random(29);
  const std::string alphabet = "/\\.%2eE?#\r\n a\xff";
  const auto text = [&] {
    std::string out;
    for (size_t n = random() % 10; n > 0; --n) out += alphabet[random() % alphabet.size()];
    return out;
  };
  PluginHarness h;
  h.Add(&MakeRedirect, "path: '/{c}'");
  for (int i = 0; i < 10'000; ++i) {
    h.SetCaptures({{"c", text()}});
    h.Request("GET", absl::StrCat("/?", text()));
    if (h.response().status == 400) continue;
    const absl::string_view location = h.response().headers.Get("location");
    ASSERT_TRUE(absl::StartsWith(location, "/")) << location;
    ASSERT_FALSE(absl::StartsWith(location, "//")) << location;
    for (const char c : location) ASSERT_TRUE(c > 0x20 && c < 0x7f && c != '\\') << location;
  }
}

TEST(MakeRedirectTest, WhatCannotBeUsedIsRefusedWithItsField) {
  const auto problem = [](absl::string_view config) {
    return std::string(MakeRedirect(ConfigFrom<v1::Redirect>(config)).status().message());
  };
  EXPECT_THAT(problem("scheme: 'ftp'"), HasSubstr("scheme: "));
  EXPECT_THAT(problem("host: 'a b'"), HasSubstr("host: "));
  EXPECT_THAT(problem("path: 'x'"), HasSubstr("path: "));
  EXPECT_THAT(problem("path: '/x' status: 200"), HasSubstr("status: "));
}

}  // namespace
}  // namespace sluice::plugins
