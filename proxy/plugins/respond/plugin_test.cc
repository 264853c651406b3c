#include "proxy/plugins/respond/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/respond.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::HasSubstr;

TEST(RespondTest, AnswersInsteadOfTheUpstream) {
  PluginHarness h;
  h.Add(&MakeRespond, "status: 418 body: 'short and stout' headers {key: 'X-Pot' value: 'tea'}");
  h.Request("GET", "/");
  EXPECT_FALSE(h.was_forwarded());
  EXPECT_EQ(h.response().status, 418);
  EXPECT_EQ(h.response_body(), "short and stout");
  EXPECT_EQ(h.response().headers.Get("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(h.response().headers.Get("x-pot"), "tea");
}

TEST(RespondTest, WithoutSettingsItIsAnEmpty200) {
  PluginHarness h;
  h.Add(&MakeRespond);
  h.Request("POST", "/", {}, {"a body that nobody reads"});
  EXPECT_EQ(h.reply().status, 200);
  EXPECT_TRUE(h.reply().no_body);
  EXPECT_STREQ(h.reply().details, "respond");
}

TEST(RespondTest, TheContentTypeIsOfTheBody) {
  PluginHarness h;
  h.Add(&MakeRespond, "body: '{}' content_type: 'application/json'");
  h.Request("GET", "/");
  EXPECT_EQ(h.reply().content_type, "application/json");
  EXPECT_FALSE(h.reply().no_body);
}

TEST(RespondTest, WhateverTheRequestIsTheAnswerIsTheSame) {
  PluginHarness h;
  h.Add(&MakeRespond, "body: 'x'");
  for (absl::string_view target : {"/", "*", "/%00", "/?\xff\x01", ""}) {
    h.Request("PROPFIND", target, {{"x", std::string(1, '\0')}});
    EXPECT_EQ(h.response().status, 200);
    EXPECT_EQ(h.response_body(), "x");
  }
}

TEST(MakeRespondTest, WhatCannotBeUsedIsRefusedWithItsField) {
  const auto problem = [](absl::string_view config) {
    return std::string(MakeRespond(ConfigFrom<v1::Respond>(config)).status().message());
  };
  EXPECT_THAT(problem("status: 199"), HasSubstr("status: "));
  EXPECT_THAT(problem("status: 600"), HasSubstr("status: "));
  EXPECT_THAT(problem("status: 204 body: 'x'"), HasSubstr("body: "));
  EXPECT_THAT(problem("content_type: 'a\\r\\nb: c'"), HasSubstr("content_type: "));
  EXPECT_THAT(problem("headers {key: 'a b' value: ''}"), HasSubstr("headers.a b: "));
  EXPECT_THAT(problem("headers {key: 'a' value: 'x\\r\\nb: c'}"), HasSubstr("headers.a: "));
  EXPECT_THAT(problem("headers {key: 'Content-Length' value: '3'}"),
              HasSubstr("headers.Content-Length: belongs to framing"));
  EXPECT_THAT(problem("headers {key: 'Content-Type' value: 'x'}"), HasSubstr("content_type"));
}

}  // namespace
}  // namespace sluice::plugins
