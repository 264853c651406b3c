#include "proxy/plugins/limit_count/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/limit_count.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::HasSubstr;

class LimitCountTest : public ::testing::Test {
 protected:
  LimitCountTest() : table_(h_.clock(), {1, 2}, 1024) {}

  auto Factory(const std::string& kind = "Route", const std::string& name = "orders") {
    return [this, kind, name](const v1::LimitCount& config) {
      return MakeLimitCount(config, {kind, name}, table_);
    };
  }

  // Sends one request and returns whether it went on.
  bool Passes(PluginHarness& h, const PluginHarness::HeaderList& headers = {}) {
    h.Request("GET", "/", headers);
    return h.was_forwarded();
  }
  bool Passes(const PluginHarness::HeaderList& headers = {}) { return Passes(h_, headers); }

  PluginHarness h_;
  CounterTable table_;
};

TEST_F(LimitCountTest, AboveTheCountTheAnswerIs429WithRetryAfter) {
  h_.Add(Factory(), "count: 2 window {seconds: 60}");
  EXPECT_TRUE(Passes());
  EXPECT_TRUE(Passes());
  h_.clock().Advance(absl::Seconds(60) -
                     (h_.clock().Now() - absl::UnixEpoch()) % absl::Seconds(60) +
                     absl::Seconds(18));
  EXPECT_TRUE(Passes());
  EXPECT_TRUE(Passes());
  EXPECT_FALSE(Passes());
  EXPECT_EQ(h_.reply().status, 429);
  EXPECT_STREQ(h_.reply().details, "rate_limited");
  EXPECT_EQ(h_.response().headers.Get("retry-after"), "42");
}

TEST_F(LimitCountTest, EveryResponseTellsLimitRemainingAndReset) {
  h_.Add(Factory(), "count: 2 window {seconds: 60}");
  Passes();
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-limit"), "2");
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-remaining"), "1");
  Passes();
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-remaining"), "0");
  Passes();
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-remaining"), "0");
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-reset"),
            h_.response().headers.Get("retry-after"));
}

TEST_F(LimitCountTest, HeadersCanBeTurnedOffButRetryAfterStays) {
  h_.Add(Factory(), "count: 1 window {seconds: 60} headers: false status: 503");
  Passes();
  EXPECT_EQ(h_.response().headers.count(), 0u);
  Passes();
  EXPECT_EQ(h_.reply().status, 503);
  EXPECT_EQ(h_.response().headers.Find("x-ratelimit-limit"), nullptr);
  EXPECT_NE(h_.response().headers.Find("retry-after"), nullptr);
}

TEST_F(LimitCountTest, TheUpstreamsOwnHeadersAreReplaced) {
  h_.Add(Factory(), "count: 2 window {seconds: 60}");
  h_.SetUpstreamResponse(200, {{"x-ratelimit-remaining", "99"}, {"X-RateLimit-Limit", "100"}});
  Passes();
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-remaining"), "1");
  EXPECT_EQ(h_.response().headers.count(), 3u);
}

TEST_F(LimitCountTest, OfSeveralLimitsTheNearestToItsEndIsTold) {
  h_.AddGlobal(Factory("GlobalRule", "all"), "count: 100 window {seconds: 60}");
  h_.Add(Factory(), "count: 1 window {seconds: 60}");
  Passes();
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-limit"), "1");
  EXPECT_FALSE(Passes());
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-limit"), "1");
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-remaining"), "0");
  EXPECT_EQ(h_.response().headers.count(), 4u);  // With Retry-After.
}

TEST_F(LimitCountTest, ARequestThatNeverCameHereShowsNoLimit) {
  h_.AddGlobal(Factory("GlobalRule", "all"), "count: 1 window {seconds: 60} key: 'all'");
  h_.Add(Factory(), "count: 5 window {seconds: 60}");
  Passes();
  Passes();
  EXPECT_EQ(h_.response().headers.Get("x-ratelimit-limit"), "1");
}

TEST_F(LimitCountTest, ClientsAreCountedApartByAddress) {
  h_.Add(Factory(), "count: 1 window {seconds: 60}");
  EXPECT_TRUE(Passes());
  h_.SetClient("2001:db8::1");
  EXPECT_TRUE(Passes());
  h_.SetClient("192.0.2.1");
  EXPECT_FALSE(Passes());
}

TEST_F(LimitCountTest, AHeaderIsAKeyAndWithoutItTheAddress) {
  h_.Add(Factory(), "count: 1 window {seconds: 60} key: 'header:X-Tenant'");
  EXPECT_TRUE(Passes({{"x-tenant", "a"}}));
  EXPECT_TRUE(Passes({{"x-tenant", "b"}}));
  EXPECT_FALSE(Passes({{"x-tenant", "a"}}));
  EXPECT_TRUE(Passes());
  EXPECT_FALSE(Passes());
}

TEST_F(LimitCountTest, AHeaderCannotPoseAsAnAddress) {
  h_.Add(Factory(), "count: 1 window {seconds: 60} key: 'header:x-tenant'");
  EXPECT_TRUE(Passes());
  const std::string address("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01", 16);
  EXPECT_TRUE(Passes({{"x-tenant", address}}));
}

TEST_F(LimitCountTest, ConsumersAndGroupsHaveBudgetsOfTheirOwn) {
  h_.Add(Factory(), "count: 1 window {seconds: 60} key: 'consumer'");
  h_.SetCaller("alice");
  EXPECT_TRUE(Passes());
  h_.SetCaller("bob");
  EXPECT_TRUE(Passes());
  h_.SetCaller("alice");
  EXPECT_FALSE(Passes());
  h_.SetCaller("");
  EXPECT_TRUE(Passes());
}

TEST_F(LimitCountTest, AGroupSharesOneBudget) {
  h_.Add(Factory(), "count: 1 window {seconds: 60} key: 'consumer_group'");
  h_.SetCaller("alice", "gold");
  EXPECT_TRUE(Passes());
  h_.SetCaller("bob", "gold");
  EXPECT_FALSE(Passes());
}

TEST_F(LimitCountTest, OnAConsumerItCountsByConsumerOverAllRoutesAndAddresses) {
  h_.Add(Factory("Consumer", "alice"), "count: 1 window {seconds: 60}");
  h_.SetCaller("alice");
  EXPECT_TRUE(Passes());
  h_.SetClient("198.51.100.7");
  EXPECT_FALSE(Passes());
}

TEST_F(LimitCountTest, OneBudgetForAllIgnoresWhoCalls) {
  h_.Add(Factory(), "count: 1 window {seconds: 60} key: 'all'");
  EXPECT_TRUE(Passes());
  h_.SetClient("198.51.100.7");
  EXPECT_FALSE(Passes());
}

TEST_F(LimitCountTest, TwoRoutesNeverShareAndOneRouteSharesOverGenerations) {
  const char* const config = "count: 1 window {seconds: 60}";
  h_.Add(Factory("Route", "a"), config);
  EXPECT_TRUE(Passes());
  PluginHarness same, other;
  same.Add(Factory("Route", "a"), "count: 1 window {seconds: 60} headers: false");
  other.Add(Factory("Route", "b"), config);
  EXPECT_FALSE(Passes(same));
  EXPECT_TRUE(Passes(other));
}

TEST_F(LimitCountTest, ChangingTheCountKeepsWhatWasUsedAndChangingTheWindowDoesNot) {
  h_.Add(Factory(), "count: 1 window {seconds: 60}");
  EXPECT_TRUE(Passes());
  PluginHarness raised, longer;
  raised.Add(Factory(), "count: 2 window {seconds: 60}");
  longer.Add(Factory(), "count: 1 window {seconds: 120}");
  EXPECT_TRUE(Passes(raised));
  EXPECT_FALSE(Passes(raised));
  EXPECT_TRUE(Passes(longer));
}

TEST_F(LimitCountTest, ASlidingLimitIsConfiguredByName) {
  h_.Add(Factory(), "count: 10 window {seconds: 60} algorithm: ALGORITHM_SLIDING");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Passes());
  h_.clock().Advance(absl::Seconds(60) -
                     (h_.clock().Now() - absl::UnixEpoch()) % absl::Seconds(60));
  EXPECT_FALSE(Passes());
}

TEST_F(LimitCountTest, AnyHeaderIsAKeyAndNoneCrashes) {
  h_.Add(Factory(), "count: 1 window {seconds: 60} key: 'header:k'");
  std::mt19937 random(11);
  for (int i = 0; i < 2'000; ++i) {
    std::string key(1 + random() % 300, 'k');
    for (char& c : key) c = static_cast<char>(random());
    h_.Request("GET", "/", {{"k", key}});
    ASSERT_TRUE(h_.was_forwarded());
  }
}

TEST_F(LimitCountTest, WhatCannotBeUsedIsRefusedWithItsField) {
  const auto problem = [&](absl::string_view config) {
    const auto made =
        MakeLimitCount(ConfigFrom<v1::LimitCount>(config), {"Route", "orders"}, table_);
    return std::string(made.status().message());
  };
  EXPECT_THAT(problem("window {seconds: 60}"), HasSubstr("count: "));
  EXPECT_THAT(problem("count: 1"), HasSubstr("window: "));
  EXPECT_THAT(problem("count: 1 window {seconds: 86401}"), HasSubstr("window: "));
  EXPECT_THAT(problem("count: 1 window {seconds: 1 nanos: 1}"), HasSubstr("window: "));
  EXPECT_THAT(problem("count: 1 window {seconds: -1}"), HasSubstr("window: "));
  EXPECT_THAT(problem("count: 1 window {seconds: 1} key: 'header:'"), HasSubstr("key: "));
  EXPECT_THAT(problem("count: 1 window {seconds: 1} key: 'cookie:x'"), HasSubstr("key: "));
  EXPECT_THAT(problem("count: 1 window {seconds: 1} status: 200"), HasSubstr("status: "));
}

}  // namespace
}  // namespace sluice::plugins
