#include "proxy/plugins/headers/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/headers.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Lines(const http::HeaderMap& headers) {
  std::vector<std::string> lines;
  headers.ForEach([&](const http::HeaderMap::Entry& entry) {
    lines.push_back(absl::StrCat(entry.name(), ": ", entry.value()));
  });
  return lines;
}

class HeadersTest : public ::testing::Test {
 protected:
  // The value that a request header of this template gets; "(none)" if it is not sent.
  std::string Value(absl::string_view value, absl::string_view target = "/",
                    const PluginHarness::HeaderList& headers = {}) {
    PluginHarness h;
    h.SetCaptures({{"id", "7"}, {"1", "one"}});
    h.SetCaller("alice", "gold");
    h.Add(&MakeHeaders, absl::StrCat("request {set {key: 'x-out' value: '", value, "'}}"));
    h.Request("PUT", target, headers);
    const http::HeaderMap::Entry* entry = h.request().headers.Find("x-out");
    return entry == nullptr ? "(none)" : std::string(entry->value());
  }

  PluginHarness h_;
};

TEST_F(HeadersTest, SetReplacesAddAddsAndRemoveRemovesAllOfTheName) {
  h_.Add(&MakeHeaders,
         "request {set {key: 'X-Set' value: 'new'} add {key: 'X-Add' value: 'more'} "
         "remove: 'X-Gone'}");
  h_.Request("GET", "/",
             {{"x-set", "1"}, {"x-add", "1"}, {"x-gone", "1"}, {"x-set", "2"}, {"x-gone", "2"}});
  EXPECT_THAT(Lines(h_.request().headers), ElementsAre("x-add: 1", "x-set: new", "x-add: more"));
}

TEST_F(HeadersTest, RemoveComesFirstThenSetThenAdd) {
  h_.Add(&MakeHeaders,
         "request {set {key: 'a' value: 'set'} add {key: 'a' value: 'added'} remove: 'a'}");
  h_.Request("GET", "/", {{"a", "old"}});
  EXPECT_THAT(Lines(h_.request().headers), ElementsAre("a: set", "a: added"));
}

TEST_F(HeadersTest, HeadersThatTheProxyKnowsAreEditedLikeOthers) {
  h_.Add(&MakeHeaders, "request {set {key: 'User-Agent' value: 'sluice'} remove: 'Cookie'}");
  h_.Request("GET", "/", {{"cookie", "a=1"}, {"user-agent", "curl"}});
  EXPECT_THAT(Lines(h_.request().headers), ElementsAre("user-agent: sluice"));
  EXPECT_FALSE(h_.request().headers.Has(http::HeaderId::kCookie));
}

TEST_F(HeadersTest, ResponsesAreEditedLocalRepliesToo) {
  h_.Add(&MakeHeaders, "response {set {key: 'server' value: 'sluice'} remove: 'x-powered-by'}");
  h_.SetUpstreamResponse(200, {{"server", "nginx"}, {"x-powered-by", "php"}});
  h_.Request("GET", "/");
  EXPECT_THAT(Lines(h_.response().headers), ElementsAre("server: sluice"));
  EXPECT_EQ(h_.request().headers.count(), 0u);
}

TEST_F(HeadersTest, ARemovedHeaderCanBeRenamed) {
  h_.Add(&MakeHeaders, "request {remove: 'x-old' set {key: 'x-new' value: '${header.X-Old}'}}");
  h_.Request("GET", "/", {{"x-old", "kept"}});
  EXPECT_THAT(Lines(h_.request().headers), ElementsAre("x-new: kept"));
}

TEST_F(HeadersTest, VariablesHoldWhatTheRequestIs) {
  EXPECT_EQ(Value("${client_ip}"), "192.0.2.1");
  EXPECT_EQ(Value("${host}", "/", {{"host", "shop.example:8080"}}), "shop.example:8080");
  EXPECT_EQ(Value("${header.Host}", "/", {{"host", "shop.example"}}), "shop.example");
  EXPECT_EQ(Value("${method}"), "PUT");
  EXPECT_EQ(Value("${path}", "/a/b?c=d"), "/a/b");
  EXPECT_EQ(Value("${scheme}"), "http");
  EXPECT_EQ(Value("${consumer}/${consumer_group}"), "alice/gold");
  EXPECT_EQ(Value("${route}-${upstream}"), "route-upstream");
  EXPECT_EQ(Value("${capture.id}${capture.1}${capture.none}"), "7one");
  EXPECT_EQ(Value("${query.q}", "/?p=1&q=a%20b&q=c"), "a b");
  EXPECT_EQ(Value("${header.x-in}", "/", {{"x-in", "1"}, {"x-in", "2"}}), "1");
  EXPECT_EQ(Value("a $$ b"), "a $ b");
  EXPECT_EQ(Value("<${method} ${path}>", "/x"), "<PUT /x>");
}

TEST_F(HeadersTest, TheRequestIdIsThatOfThePluginBefore) {
  h_.Add(&MakeHeaders, "request {set {key: 'x-out' value: '${request_id}'}}");
  h_.Request("GET", "/");
  EXPECT_EQ(h_.request().headers.Find("x-out"), nullptr);
}

TEST_F(HeadersTest, TheStatusIsTheResponses) {
  h_.Add(&MakeHeaders, "response {set {key: 'x-status' value: '${status} ${header.x-in}'}}");
  h_.SetUpstreamResponse(503);
  h_.Request("GET", "/", {{"x-in", "of the request"}});
  EXPECT_EQ(h_.response().headers.Get("x-status"), "503 of the request");
}

TEST_F(HeadersTest, AHeaderWhoseValueIsEmptyIsNotSent) {
  EXPECT_EQ(Value("${header.none}"), "(none)");
  EXPECT_EQ(Value(""), "(none)");
  EXPECT_EQ(Value("${query.q}", "/?q=+%20"), "(none)");
  EXPECT_EQ(Value("${header.none}", "/", {{"x-out", "old"}}), "(none)");
}

TEST_F(HeadersTest, ADecodedLineBreakDoesNotBecomeAHeader) {
  EXPECT_EQ(Value("${query.q}", "/?q=a%0d%0ax-evil:%201"), "a%0D%0Ax-evil: 1");
  EXPECT_EQ(Value("v=${query.q};", "/?q=%00%7f%09"), "v=%00%7F\t;");
}

TEST_F(HeadersTest, ManyVariablesFitIntoOneValue) {
  std::string value, expected;
  for (int i = 0; i < 200; ++i) {
    value += "${method},";
    expected += "PUT,";
  }
  EXPECT_EQ(Value(value), expected);
}

TEST_F(HeadersTest, NoInputMakesAValueThatIsNone) {
  h_.Add(&MakeHeaders,
         "request {set {key: 'x-out' value: '${query.q}|${path}|${header.x-in}|${capture.c}'}}");
  std::mt19937 random(17);
  const std::string alphabet = "q=&%+02Dda/\r\n\x01\x7f\xff ";
  const auto text = [&] {
    std::string out;
    for (size_t n = random() % 12; n > 0; --n) out += alphabet[random() % alphabet.size()];
    return out;
  };
  for (int i = 0; i < 20'000; ++i) {
    h_.SetCaptures({{"c", text()}});
    h_.Request("GET", absl::StrCat("/", text(), "?q=", text()), {{"x-in", text()}});
    const absl::string_view value = h_.request().headers.Get("x-out");
    for (const char c : value) {
      ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << value;
    }
  }
}

TEST(MakeHeadersTest, WhatCannotBeUsedIsRefusedWithItsField) {
  const auto problem = [](absl::string_view config) {
    return std::string(MakeHeaders(ConfigFrom<v1::Headers>(config)).status().message());
  };
  EXPECT_THAT(problem("request {set {key: 'x' value: '${nope}'}}"), HasSubstr("request.set.x: "));
  EXPECT_THAT(problem("request {add {key: 'x' value: '${status}'}}"), HasSubstr("request.add.x: "));
  EXPECT_THAT(problem("response {set {key: 'x' value: 'a\\nb: c'}}"),
              HasSubstr("response.set.x: "));
  EXPECT_THAT(problem("response {remove: ['a', 'b c']}"), HasSubstr("response.remove[1]: "));
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Connection", "Host", "Upgrade",
                           "TE", "Trailer", "Keep-Alive", "Proxy-Connection", "Expect"}) {
    EXPECT_THAT(problem(absl::StrCat("request {set {key: '", name, "' value: 'x'}}")),
                HasSubstr("belongs to framing"))
        << name;
  }
}

}  // namespace
}  // namespace sluice::plugins
