// What becomes of updates, as proxies tell it and as it is shown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/fleet/testing/config_stream_fixture.h"

namespace sluice::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = v1::ProxyStatus;

TEST_F(ConfigStreamTest, AtMostOneUpdateIsUnderWayAndThoseBetweenAreSkipped) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  ScriptedProxy proxy(address(), {});
  proxy.TakeWelcome();
  proxy.TakeUpdate();
  control_plane_->Put({Described("r", "2")});
  const uint64_t newest = control_plane_->Put({Described("r", "3")});
  ExpectSilence(proxy);
  proxy.Say(v1::Status::RECEIVED);
  ExpectSilence(proxy);
  proxy.Say(v1::Status::ACTIVE);
  proxy.TakeUpdate();
  EXPECT_EQ(proxy.replica().generation()->id.number, newest);
}

TEST_F(ConfigStreamTest, WhoDoesNotAnswerIsShownAsSlowAndDelaysNobody) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  ScriptedProxy slow(address(), Named("slow"));
  slow.TakeWelcome();
  slow.TakeUpdate();
  ScriptedProxy other(address(), Named("other"));
  other.Settle();
  control_plane_->Advance(absl::Seconds(29));
  EXPECT_EQ(control_plane_->StatusOf("slow").state(), State::PENDING);
  control_plane_->Advance(absl::Seconds(2));
  EXPECT_EQ(control_plane_->StatusOf("slow").state(), State::SLOW);
  control_plane_->Put({Described("r", "2")});
  other.TakeUpdate();
  ExpectSilence(slow, "slow");
  slow.Say(v1::Status::ACTIVE);
  slow.TakeUpdate();
  control_plane_->WaitUntil("slow", IsIn(State::PENDING));
}

TEST_F(ConfigStreamTest, ARejectedGenerationIsNotSentAgainAndTheNextIs) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  const Replica held = proxy.replica();
  control_plane_->Put({Described("r", "bad")});
  proxy.TakeUpdate();
  proxy.Reject("no such thing");
  const v1::ProxyStatus status = control_plane_->WaitUntil("a", IsIn(State::REJECTED));
  EXPECT_EQ(status.problems(0).problem(), "no such thing");
  EXPECT_EQ(status.active().number(), held.generation()->id.number);
  ExpectSilence(proxy);

  // Neither after the same process has connected anew.
  ScriptedProxy again(address(), {.holds = &held});
  again.TakeWelcome();
  ExpectSilence(again);

  control_plane_->Put({Described("r", "good")});
  again.TakeUpdate();
  EXPECT_FALSE(again.replica().was_full());
  again.Say(v1::Status::ACTIVE);
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
}

TEST_F(ConfigStreamTest, WhatWasRejectedIsNotSentAgainAfterARestart) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  Replica held;
  {
    ScriptedProxy proxy(address(), {});
    proxy.Settle();
    held = proxy.replica();
    control_plane_->Put({Described("r", "bad")});
    proxy.TakeUpdate();
    proxy.Reject("no such thing");
    control_plane_->WaitUntil("a", IsIn(State::REJECTED));
  }
  Restart();
  ScriptedProxy again(address(), {.holds = &held});
  again.TakeWelcome();
  ExpectSilence(again);
  EXPECT_EQ(control_plane_->StatusOf("a").problems(0).problem(), "no such thing");
  ScriptedProxy another(address(), {.started_at_ns = 2000, .holds = &held});
  another.TakeWelcome();
  another.TakeUpdate();
}

TEST_F(ConfigStreamTest, AnotherProcessMayTryWhatTheFirstRejected) {
  control_plane_->Put({Upstream("u"), Described("r", "bad")});
  {
    ScriptedProxy proxy(address(), Named("a", 1));
    proxy.TakeWelcome();
    proxy.TakeUpdate();
    proxy.Reject("no such thing");
    control_plane_->WaitUntil("a", IsIn(State::REJECTED));
  }
  ScriptedProxy restarted(address(), Named("a", 2));
  restarted.TakeWelcome();
  restarted.TakeUpdate();
  EXPECT_TRUE(restarted.replica().was_full());
}

TEST_F(ConfigStreamTest, DegradedIsServedAndShown) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  ScriptedProxy proxy(address(), {});
  proxy.TakeWelcome();
  proxy.TakeUpdate();
  proxy.Say(v1::Status::DEGRADED, "port 80 is taken");
  const v1::ProxyStatus status = control_plane_->WaitUntil("a", IsIn(State::DEGRADED));
  EXPECT_EQ(status.problems(0).problem(), "port 80 is taken");
  EXPECT_EQ(status.active().number(), status.target().number());
  proxy.Say(v1::Status::ACTIVE);
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
}

TEST_F(ConfigStreamTest, WhoCannotReadItsViewIsHeldUntilItCan) {
  v1::Resource route = Described("r", "1");
  control_plane_->Put({Upstream("u"), route});
  ScriptedProxy proxy(address(), {.plugins = {"request_id"}});
  proxy.Settle();
  AddKeyAuth(&route);
  control_plane_->Put({route});
  ExpectSilence(proxy);
  const v1::ProxyStatus status = control_plane_->StatusOf("a");
  EXPECT_EQ(status.state(), State::HELD);
  EXPECT_THAT(status.problems(0).problem(), HasSubstr("key_auth"));
  control_plane_->Put({Described("r", "2")});
  proxy.TakeUpdate();
}

TEST_F(ConfigStreamTest, WhatAConnectedProxyCannotReadIsToldBeforehand) {
  ScriptedProxy old(address(), {.node = "old", .groups = {"edge"}, .plugins = {"request_id"}});
  old.Settle();
  ScriptedProxy current(address(), Named("current"));
  current.Settle();
  Needs needs;
  needs.plugins = {"key_auth"};
  const std::vector<Unreadable> all = control_plane_->fleet().CannotRead(needs);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].node, "old");
  EXPECT_THAT(all[0].missing_plugins, ::testing::ElementsAre("key_auth"));
  needs.groups = {"core"};
  EXPECT_TRUE(control_plane_->fleet().CannotRead(needs).empty());
  Needs newer;
  newer.schema = 2;
  EXPECT_EQ(control_plane_->fleet().CannotRead(newer).size(), 2u);
}

TEST_F(ConfigStreamTest, WhatIsReportedIsWhatIsShown) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  const Generation first = *proxy.replica().generation();
  control_plane_->Put({Described("r", "2")});
  proxy.TakeUpdate();
  EXPECT_EQ(control_plane_->StatusOf("a").active().number(), first.id.number);
  proxy.Report(*proxy.replica().generation());
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
}

TEST_F(ConfigStreamTest, WhatHappensIsToldToSubscribers) {
  Mutex mu;
  CondVar changed;
  std::vector<v1::ProxyEvent> events;
  const auto subscription = control_plane_->fleet().Subscribe([&](const v1::ProxyEvent& event) {
    MutexLock lock(mu);
    events.push_back(event);
    changed.Signal();
  });
  {
    ScriptedProxy proxy(address(), {});
    proxy.Settle();
    control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
  }
  MutexLock lock(mu);
  while (events.size() < 3) changed.Wait(mu);
  EXPECT_EQ(events[0].type(), v1::ProxyEvent::CONNECTED);
  EXPECT_EQ(events[1].type(), v1::ProxyEvent::STATUS);
  EXPECT_EQ(events[1].status().phase(), v1::Status::ACTIVE);
  EXPECT_EQ(events[2].type(), v1::ProxyEvent::DISCONNECTED);
  EXPECT_EQ(events[2].node(), "a");
}

}  // namespace
}  // namespace sluice::fleet
