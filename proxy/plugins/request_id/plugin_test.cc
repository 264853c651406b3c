#include "proxy/plugins/request_id/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/request_id.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class RequestIdTest : public ::testing::Test {
 protected:
  std::string Id() const { return std::string(h_.request().headers.Get("x-request-id")); }

  PluginHarness h_;
};

TEST_F(RequestIdTest, UpstreamClientAndLogsSeeTheSameUuid) {
  h_.Add(&MakeRequestId);
  h_.Request("GET", "/");
  EXPECT_THAT(Id(), MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                 "[0-9a-f]{12}"));
  EXPECT_EQ(h_.stream().request_id(), Id());
  EXPECT_EQ(h_.response().headers.Get("x-request-id"), Id());
}

TEST_F(RequestIdTest, EveryRequestHasItsOwn) {
  h_.Add(&MakeRequestId);
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    h_.Request("GET", "/");
    ids.insert(Id());
  }
  EXPECT_EQ(ids.size(), 1000u);
}

TEST_F(RequestIdTest, AllRandomBitsAreUsed) {
  h_.Add(&MakeRequestId);
  h_.SetRandom(0);
  h_.Request("GET", "/");
  EXPECT_EQ(Id(), "00000000-0000-4000-8000-000000000000");
  h_.SetRandom(~uint64_t{0});
  h_.Request("GET", "/");
  EXPECT_EQ(Id(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

TEST_F(RequestIdTest, AStrangersIdIsReplaced) {
  h_.Add(&MakeRequestId);
  h_.Request("GET", "/", {{"x-request-id", "mine"}, {"x-request-id", "too"}});
  EXPECT_NE(Id(), "mine");
  EXPECT_EQ(h_.request().headers.count(), 1u);
}

TEST_F(RequestIdTest, ATrustedProxysIdIsKept) {
  h_.Add(&MakeRequestId);
  h_.SetClient("192.0.2.1", /*is_peer_trusted=*/true);
  h_.Request("GET", "/", {{"x-request-id", "Edge-7_a.b"}});
  EXPECT_EQ(Id(), "Edge-7_a.b");
  EXPECT_EQ(h_.stream().request_id(), "Edge-7_a.b");
}

TEST_F(RequestIdTest, AlwaysTakesAndNeverRefusesEverybodysId) {
  h_.Add(&MakeRequestId, "accept: ACCEPT_ALWAYS");
  h_.Request("GET", "/", {{"x-request-id", "mine"}});
  EXPECT_EQ(Id(), "mine");
  PluginHarness never;
  never.Add(&MakeRequestId, "accept: ACCEPT_NEVER");
  never.SetClient("192.0.2.1", /*is_peer_trusted=*/true);
  never.Request("GET", "/", {{"x-request-id", "mine"}});
  EXPECT_NE(never.stream().request_id(), "mine");
}

TEST_F(RequestIdTest, AnUnacceptableIdIsReplaced) {
  h_.Add(&MakeRequestId, "accept: ACCEPT_ALWAYS");
  for (const std::string& id : {std::string(), std::string(129, 'a'), std::string("a b"),
                                std::string("a\"b"), std::string("a\0b", 3)}) {
    h_.Request("GET", "/", {{"x-request-id", id}});
    EXPECT_EQ(Id().size(), 36u) << id;
  }
  h_.Request("GET", "/", {{"x-request-id", std::string(128, 'a')}});
  EXPECT_EQ(Id(), std::string(128, 'a'));
}

TEST_F(RequestIdTest, OnlyAcceptableBytesEverGoOn) {
  h_.Add(&MakeRequestId, "accept: ACCEPT_ALWAYS");
  std::mt19937 random(3);
  for (int i = 0; i < 5'000; ++i) {
    std::string id(random() % 10, 'a');
    for (char& c : id) c = static_cast<char>(random());
    h_.Request("GET", "/", {{"x-request-id", id}});
    ASSERT_THAT(Id(), MatchesRegex("[A-Za-z0-9._-]+"));
  }
}

TEST_F(RequestIdTest, HeaderAndResponseCanBeChosen) {
  h_.Add(&MakeRequestId, "header: 'X-Trace' in_response: false");
  h_.SetUpstreamResponse(200, {{"x-trace", "the upstream's"}});
  h_.Request("GET", "/");
  EXPECT_EQ(h_.request().headers.Get("x-trace"), h_.stream().request_id());
  EXPECT_EQ(h_.response().headers.Get("x-trace"), "the upstream's");
}

TEST_F(RequestIdTest, TheUpstreamsEchoIsNotDoubled) {
  h_.Add(&MakeRequestId);
  h_.SetUpstreamResponse(200, {{"x-request-id", "echo"}});
  h_.Request("GET", "/");
  EXPECT_EQ(h_.response().headers.count(), 1u);
  EXPECT_EQ(h_.response().headers.Get("x-request-id"), Id());
}

TEST_F(RequestIdTest, AGlobalRulesIdIsTheRoutesToo) {
  h_.AddGlobal(&MakeRequestId, "header: 'x-edge-id'");
  h_.Add(&MakeRequestId);
  h_.Request("GET", "/");
  EXPECT_EQ(h_.request().headers.Get("x-edge-id"), Id());
}

TEST(MakeRequestIdTest, WhatCannotBeUsedIsRefusedWithItsField) {
  for (absl::string_view header : {"a b", "Content-Length", "host"}) {
    v1::RequestId config;
    config.set_header(std::string(header));
    EXPECT_THAT(std::string(MakeRequestId(config).status().message()), HasSubstr("header: "));
  }
}

}  // namespace
}  // namespace sluice::plugins
