#include "proxy/plugins/body_limit/plugin.h"

#include <gtest/gtest.h>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/body_limit.pb.h"

namespace sluice::plugins {
namespace {

TEST(BodyLimitTest, ADeclaredLengthOverTheLimitIsRefusedBeforeTheUpstream) {
  PluginHarness h;
  h.Add(&MakeBodyLimit, "request: 5");
  h.Request("POST", "/", {{"content-length", "6"}}, {"123456"});
  EXPECT_FALSE(h.was_forwarded());
  EXPECT_EQ(h.reply().status, 413);
  EXPECT_STREQ(h.reply().details, "request_body_too_large");
  EXPECT_EQ(h.request_body(), "");
}

TEST(BodyLimitTest, ABodyOfExactlyTheLimitPasses) {
  PluginHarness h;
  h.Add(&MakeBodyLimit, "request: 5");
  h.Request("POST", "/", {{"content-length", "5"}}, {"123", "45"});
  EXPECT_EQ(h.request_body(), "12345");
  h.Request("POST", "/", {}, {"123", "45"});
  EXPECT_EQ(h.request_body(), "12345");
}

TEST(BodyLimitTest, AnUndeclaredLengthIsCutAtTheFirstByteOverTheLimit) {
  PluginHarness h;
  h.Add(&MakeBodyLimit, "request: 5");
  h.Request("POST", "/", {}, {"1234", "56", "78"});
  EXPECT_EQ(h.reply().status, 413);
  EXPECT_EQ(h.request_body(), "1234");
}

TEST(BodyLimitTest, ZeroLetsOnlyRequestsWithoutABodyPass) {
  PluginHarness h;
  h.Add(&MakeBodyLimit, "request: 0");
  h.Request("GET", "/");
  EXPECT_TRUE(h.was_forwarded());
  h.Request("POST", "/", {{"content-length", "0"}});
  EXPECT_TRUE(h.was_forwarded());
  h.Request("POST", "/", {}, {"1"});
  EXPECT_EQ(h.reply().status, 413);
}

}  // namespace
}  // namespace sluice::plugins
