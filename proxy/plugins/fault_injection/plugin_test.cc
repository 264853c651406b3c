#include "proxy/plugins/fault_injection/plugin.h"

#include <gtest/gtest.h>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/fault_injection.pb.h"

namespace sluice::plugins {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

TEST(FaultInjectionTest, AnAbortIsAnsweredWithItsStatusAndBody) {
  PluginHarness h;
  h.Add(&MakeFaultInjection, "abort {status: 503 body: 'later'}");
  h.Request("GET", "/");
  EXPECT_FALSE(h.was_forwarded());
  EXPECT_EQ(h.response().status, 503);
  EXPECT_EQ(h.response_body(), "later");
  EXPECT_STREQ(h.reply().details, "fault_abort");
}

TEST(FaultInjectionTest, ADelayedRequestGoesOnWhenTheTimeIsOver) {
  PluginHarness h;
  h.Add(&MakeFaultInjection, "delay {duration {nanos: 250000000}}");
  h.Request("GET", "/");
  EXPECT_TRUE(h.is_paused());
  EXPECT_EQ(h.timer_ns(), 250 * kMillisecond);
  h.RunTimer();
  EXPECT_TRUE(h.was_forwarded());
  EXPECT_EQ(h.response().status, 200);
}

TEST(FaultInjectionTest, ADelayComesBeforeAnAbort) {
  PluginHarness h;
  h.Add(&MakeFaultInjection, "delay {duration {seconds: 1}} abort {status: 500}");
  h.Request("GET", "/");
  EXPECT_TRUE(h.is_paused());
  EXPECT_FALSE(h.has_reply());
  h.RunTimer();
  EXPECT_FALSE(h.was_forwarded());
  EXPECT_EQ(h.response().status, 500);
}

TEST(FaultInjectionTest, ARateOfNoneNeverHappensAndOneOfAllAlwaysDoes) {
  PluginHarness none, all;
  none.Add(&MakeFaultInjection, "abort {status: 500 per_mille: 0}");
  all.Add(&MakeFaultInjection, "abort {status: 500 per_mille: 1000}");
  for (int i = 0; i < 100; ++i) {
    none.Request("GET", "/");
    all.Request("GET", "/");
    ASSERT_EQ(none.response().status, 200);
    ASSERT_EQ(all.response().status, 500);
  }
}

TEST(FaultInjectionTest, ARateIsMetInTheLongRun) {
  PluginHarness h;
  h.Add(&MakeFaultInjection, "abort {status: 500 per_mille: 250}");
  int aborted = 0;
  for (int i = 0; i < 4000; ++i) {
    h.Request("GET", "/");
    aborted += h.response().status == 500;
  }
  EXPECT_GT(aborted, 850);
  EXPECT_LT(aborted, 1150);
}

TEST(FaultInjectionTest, OnlyRequestsWithTheHeadersAreMeant) {
  PluginHarness h;
  h.Add(&MakeFaultInjection,
        "abort {status: 500} headers {key: 'X-Chaos' value: '~[ab]'}"
        "headers {key: 'x-safe' value: '!'}");
  h.Request("GET", "/");
  EXPECT_EQ(h.response().status, 200);
  h.Request("GET", "/", {{"x-chaos", "c"}, {"x-chaos", "b"}});
  EXPECT_EQ(h.response().status, 500);
  h.Request("GET", "/", {{"x-chaos", "a"}, {"x-safe", "1"}});
  EXPECT_EQ(h.response().status, 200);
}

TEST(FaultInjectionTest, ARequestMayAskForItsOwnFaultsWhereItIsAllowedTo) {
  PluginHarness h;
  h.Add(&MakeFaultInjection, "from_headers: true");
  h.Request("GET", "/", {{"x-sluice-fault-abort", "418"}});
  EXPECT_EQ(h.response().status, 418);
  h.Request("GET", "/", {{"x-sluice-fault-delay", "20ms"}});
  EXPECT_EQ(h.timer_ns(), 20 * kMillisecond);
  h.RunTimer();
  EXPECT_EQ(h.request().headers.Find("x-sluice-fault-delay"), nullptr);
}

TEST(FaultInjectionTest, FaultHeadersMeanNothingWhereTheyAreNotAllowed) {
  PluginHarness h;
  h.Add(&MakeFaultInjection, "abort {status: 500 per_mille: 0}");
  h.Request("GET", "/", {{"x-sluice-fault-abort", "418"}, {"x-sluice-fault-delay", "1s"}});
  EXPECT_EQ(h.response().status, 200);
}

TEST(FaultInjectionTest, WhatCannotBeReadIsIgnored) {
  PluginHarness h;
  h.Add(&MakeFaultInjection, "from_headers: true");
  for (const char* delay : {"-1s", "inf", "61s", "1", "x", "99999999999h", "0s"}) {
    h.Request("GET", "/", {{"x-sluice-fault-delay", delay}});
    EXPECT_FALSE(h.is_paused()) << delay;
  }
  for (const char* status : {"0", "199", "600", "-1", "2e2", "99999999999"}) {
    h.Request("GET", "/", {{"x-sluice-fault-abort", status}});
    EXPECT_EQ(h.response().status, 200) << status;
  }
}

}  // namespace
}  // namespace sluice::plugins
