#include "proxy/plugins/rewrite/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/rewrite.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::HasSubstr;

// What becomes of a target; "refused" if it is answered with 400.
std::string Rewritten(absl::string_view config, absl::string_view target,
                      std::map<std::string, std::string> captures = {}) {
  PluginHarness h;
  h.SetCaptures(std::move(captures));
  h.Add(&MakeRewrite, config);
  h.Request("GET", target);
  if (h.was_forwarded()) return h.target();
  return h.reply().status == 400 ? "refused" : "answered otherwise";
}

TEST(RewriteTest, APrefixIsRemovedAtASegmentBoundary) {
  const char* const config = "strip_prefix: '/orders'";
  EXPECT_EQ(Rewritten(config, "/orders"), "/");
  EXPECT_EQ(Rewritten(config, "/orders/"), "/");
  EXPECT_EQ(Rewritten(config, "/orders/a/b"), "/a/b");
  EXPECT_EQ(Rewritten(config, "/ordersa"), "/ordersa");
  EXPECT_EQ(Rewritten(config, "/order"), "/order");
  EXPECT_EQ(Rewritten(config, "/a/orders/b"), "/a/orders/b");
}

TEST(RewriteTest, APrefixMayBeWrittenInAnyForm) {
  EXPECT_EQ(Rewritten("strip_prefix: '/orders/'", "/orders/a"), "/a");
  EXPECT_EQ(Rewritten("strip_prefix: '/%6frders'", "/orders/a"), "/a");
  EXPECT_EQ(Rewritten("strip_prefix: '/'", "/orders/a"), "/orders/a");
}

TEST(RewriteTest, TheQueryIsKept) {
  EXPECT_EQ(Rewritten("strip_prefix: '/orders'", "/orders?a=1&b"), "/?a=1&b");
  EXPECT_EQ(Rewritten("path: '/x'", "/orders?"), "/x?");
  EXPECT_EQ(Rewritten("path: '/x'", "/orders"), "/x");
}

TEST(RewriteTest, CapturesStandWhereTheirNamesDo) {
  EXPECT_EQ(Rewritten("path: '/v2/{id}/{rest}'", "/", {{"id", "7"}, {"rest", "a/b"}}), "/v2/7/a/b");
  EXPECT_EQ(Rewritten("path: '/{2}-{1}'", "/", {{"1", "a"}, {"2", "b"}}), "/b-a");
  EXPECT_EQ(Rewritten("path: '/a/{none}/b'", "/"), "/a/b");
}

TEST(RewriteTest, WhatAPathCannotHoldIsEncoded) {
  EXPECT_EQ(Rewritten("path: '/{c}'", "/", {{"c", "a?b#c d\r\n\"<\xff"}}),
            "/a%3Fb%23c%20d%0D%0A%22%3C%FF");
  EXPECT_EQ(Rewritten("path: '/{c}'", "/", {{"c", "a%2Fb%C3%A4"}}), "/a%2Fb%C3%A4");
  EXPECT_EQ(Rewritten("path: '/{c}'", "/", {{"c", "100%"}}), "/100%25");
}

TEST(RewriteTest, CapturesCannotClimbOutOfThePath) {
  EXPECT_EQ(Rewritten("path: '/files/{c}'", "/", {{"c", ".."}}), "refused");
  EXPECT_EQ(Rewritten("path: '/files/{c}'", "/", {{"c", "a/../../b"}}), "refused");
  EXPECT_EQ(Rewritten("path: '/files/{c}'", "/", {{"c", "%2e%2E"}}), "refused");
  EXPECT_EQ(Rewritten("path: '/files/{a}{b}'", "/", {{"a", "."}, {"b", "."}}), "refused");
  EXPECT_EQ(Rewritten("path: '/files/{a}{b}'", "/", {{"a", ".%2"}, {"b", "e"}}), "/files/.%252e");
  EXPECT_EQ(Rewritten("path: '/files/{c}'", "/", {{"c", "..a"}}), "/files/..a");
}

TEST(RewriteTest, DoubleSlashesDoNotArise) {
  EXPECT_EQ(Rewritten("path: '/{c}'", "/", {{"c", "/evil.example"}}), "/evil.example");
}

TEST(RewriteTest, NoCaptureMakesAPathThatIsNone) {
  std::mt19937 random(23);
  const std::string alphabet = "./%2eEfF5cC?# \r\n\\a\xff";
  PluginHarness h;
  h.Add(&MakeRewrite, "path: '/a/{c}b'");
  for (int i = 0; i < 20'000; ++i) {
    std::string capture;
    for (size_t n = random() % 10; n > 0; --n) capture += alphabet[random() % alphabet.size()];
    h.SetCaptures({{"c", capture}});
    h.Request("GET", "/");
    if (!h.was_forwarded()) continue;
    const std::string path = h.target();
    ASSERT_TRUE(absl::StartsWith(path, "/a/")) << capture << " -> " << path;
    for (const absl::string_view segment : absl::StrSplit(path, '/')) {
      ASSERT_TRUE(segment != "." && segment != "..") << capture << " -> " << path;
    }
    for (const char c : path) {
      ASSERT_TRUE(c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '\\') << path;
    }
  }
}

TEST(RewriteTest, TheHostIsForTheUpstreamOnly) {
  PluginHarness h;
  h.Add(&MakeRewrite, "host: 'orders.internal:8080'");
  h.Request("GET", "/", {{"host", "api.example.com"}});
  EXPECT_EQ(h.stream().upstream_host(), "orders.internal:8080");
  EXPECT_EQ(h.request().authority, "api.example.com");
}

TEST(RewriteTest, TheOriginalPathStays) {
  PluginHarness h;
  h.Add(&MakeRewrite, "path: '/x'");
  h.Request("GET", "/orders");
  EXPECT_EQ(h.stream().original_path(), "/orders");
}

TEST(MakeRewriteTest, WhatCannotBeUsedIsRefusedWithItsField) {
  const auto problem = [](absl::string_view config) {
    return std::string(MakeRewrite(ConfigFrom<v1::Rewrite>(config)).status().message());
  };
  EXPECT_THAT(problem("strip_prefix: 'orders'"), HasSubstr("strip_prefix: "));
  EXPECT_THAT(problem("strip_prefix: '/a b'"), HasSubstr("strip_prefix: "));
  EXPECT_THAT(problem("path: 'x'"), HasSubstr("path: "));
  EXPECT_THAT(problem("path: '/{'"), HasSubstr("path: "));
  EXPECT_THAT(problem("path: '/a?b'"), HasSubstr("path: "));
  EXPECT_THAT(problem("host: 'a/b'"), HasSubstr("host: "));
  EXPECT_THAT(problem("host: 'a\\r\\nb'"), HasSubstr("host: "));
}

}  // namespace
}  // namespace sluice::plugins
