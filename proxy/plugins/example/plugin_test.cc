#include "proxy/plugins/example/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "api/validate/plugins/example/request_size_limit.h"
#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/example/request_size_limit.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::HasSubstr;

TEST(RequestSizeLimitTest, ADeclaredLengthOverTheLimitNeverReachesTheUpstream) {
  PluginHarness h;
  h.Add(&MakeRequestSizeLimit, "max_bytes: 5");
  h.Request("POST", "/", {{"content-length", "6"}}, {"sixsix"});
  EXPECT_EQ(h.reply().status, 413);
  EXPECT_FALSE(h.was_forwarded());
}

TEST(RequestSizeLimitTest, ABodyOfExactlyTheLimitGoesOn) {
  PluginHarness h;
  h.Add(&MakeRequestSizeLimit, "max_bytes: 5");
  h.Request("POST", "/", {{"content-length", "5"}}, {"12", "345"});
  EXPECT_TRUE(h.was_forwarded());
  EXPECT_EQ(h.request_body(), "12345");
}

TEST(RequestSizeLimitTest, AnUndeclaredLengthIsCutAtTheFirstByteOverTheLimit) {
  PluginHarness h;
  h.Add(&MakeRequestSizeLimit, "max_bytes: 5");
  h.Request("POST", "/", {}, {"123", "456"});
  EXPECT_EQ(h.response().status, 413);
  EXPECT_EQ(h.request_body(), "123");
}

TEST(RequestSizeLimitTest, TheLargestLimitDoesNotOverflow) {
  PluginHarness h;
  h.Add(&MakeRequestSizeLimit, "max_bytes: 18446744073709551615");
  h.Request("POST", "/", {}, {"123", "456"});
  EXPECT_TRUE(h.was_forwarded());
}

TEST(MakeRequestSizeLimitTest, AMissingLimitIsRefusedWithItsField) {
  const auto made = MakeRequestSizeLimit(example::RequestSizeLimit());
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("max_bytes: "));
}

TEST(CheckRequestSizeLimitTest, BoundsAreThoseOfTheMessage) {
  const auto check = [](absl::string_view text) {
    return validate::CheckStatus(ConfigFrom<example::RequestSizeLimit>(text));
  };
  EXPECT_TRUE(check("max_bytes: 1").ok());
  EXPECT_TRUE(check("max_bytes: 1073741824").ok());
  EXPECT_THAT(std::string(check("max_bytes: 1073741825").message()), HasSubstr("max_bytes: "));
}

}  // namespace
}  // namespace sluice::plugins
