// Which proxies there are: names, comings and goings, and what a stream must begin with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/fleet/testing/config_stream_fixture.h"

namespace sluice::fleet {
namespace {

using ::testing::ElementsAre;
using State = v1::ProxyStatus;

TEST_F(ConfigStreamTest, OfTwoProcessesWithOneNameTheLaterStays) {
  ScriptedProxy first(address(), Named("a", 1));
  first.Settle();
  ScriptedProxy later(address(), Named("a", 2));
  later.Settle();
  EXPECT_EQ(first.TakeBackoff().retry_after().seconds(), 30);
  EXPECT_EQ(first.TakeEnd().error_code(), grpc::StatusCode::ALREADY_EXISTS);
  ScriptedProxy retry(address(), Named("a", 1));
  EXPECT_EQ(retry.TakeBackoff().retry_after().seconds(), 30);
  EXPECT_EQ(retry.TakeEnd().error_code(), grpc::StatusCode::ALREADY_EXISTS);
  ExpectSilence(later);

  std::vector<v1::ProxyStatus> listed;
  control_plane_->Run([&listed](Fleet& fleet) { listed = fleet.List({}); });
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].state(), State::ACTIVE);
  EXPECT_EQ(listed[1].state(), State::DUPLICATE);
}

TEST_F(ConfigStreamTest, ADuplicateThatGivesUpIsNoLongerListed) {
  ScriptedProxy later(address(), Named("a", 2));
  later.Settle();
  ScriptedProxy first(address(), Named("a", 1));
  first.TakeEnd();
  control_plane_->Advance(absl::Seconds(61));
  std::vector<v1::ProxyStatus> listed;
  control_plane_->Run([&listed](Fleet& fleet) { listed = fleet.List({}); });
  EXPECT_EQ(listed.size(), 1u);
}

// After a network failure the proxy is back before we know that its old stream is dead.

TEST_F(ConfigStreamTest, TheSameProcessReplacesItsOwnStream) {
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  const Replica held = proxy.replica();
  ScriptedProxy again(address(), {.holds = &held});
  again.TakeWelcome();
  EXPECT_EQ(proxy.TakeEnd().error_code(), grpc::StatusCode::ABORTED);
  ExpectSilence(again);
  EXPECT_EQ(control_plane_->StatusOf("a").state(), State::ACTIVE);
}

TEST_F(ConfigStreamTest, ShuttingDownAsksEverybodyToComeBackSoon) {
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  control_plane_->Shutdown();
  EXPECT_LT(proxy.TakeBackoff().retry_after().seconds(), 1);
  EXPECT_EQ(proxy.TakeEnd().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ConfigStreamTest, MoreProxiesThanAllowedAreSentAway) {
  control_plane_.reset();
  Fleet::Options options = ControlPlane::AtOnce();
  options.max_proxies = 1;
  Start(options);
  ScriptedProxy first(address(), Named("first"));
  first.Settle();
  ScriptedProxy second(address(), Named("second"));
  EXPECT_GT(second.TakeBackoff().retry_after().seconds(), 0);
  EXPECT_EQ(second.TakeEnd().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ConfigStreamTest, WhoIsGoneIsListedForADay) {
  {
    ScriptedProxy proxy(address(), {});
    proxy.Settle();
  }
  control_plane_->WaitUntil("a", IsIn(State::DISCONNECTED));
  control_plane_->Advance(absl::Hours(23));
  EXPECT_EQ(control_plane_->StatusOf("a").state(), State::DISCONNECTED);
  control_plane_->Advance(absl::Hours(2));
  std::vector<v1::ProxyStatus> listed;
  control_plane_->Run([&listed](Fleet& fleet) { listed = fleet.List({}); });
  EXPECT_TRUE(listed.empty());
}

TEST_F(ConfigStreamTest, WhoIsGoneIsStillListedAfterARestart) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  {
    ScriptedProxy proxy(address(), {.node = "gone", .groups = {"edge"}});
    proxy.Settle();
    control_plane_->WaitUntil("gone", IsIn(State::ACTIVE));
  }
  control_plane_->WaitUntil("gone", IsIn(State::DISCONNECTED));
  ScriptedProxy connected(address(), Named("connected"));
  connected.Settle();
  control_plane_->WaitUntil("connected", IsIn(State::ACTIVE));
  Restart();
  for (const char* node : {"gone", "connected"}) {
    EXPECT_EQ(control_plane_->StatusOf(node).state(), State::DISCONNECTED);
    EXPECT_EQ(control_plane_->StatusOf(node).active().number(), 1u);
  }
  EXPECT_THAT(control_plane_->StatusOf("gone").groups(), ElementsAre("edge"));
  control_plane_->Advance(absl::Hours(25));
  std::vector<v1::ProxyStatus> listed;
  control_plane_->Run([&listed](Fleet& fleet) { listed = fleet.List({}); });
  EXPECT_TRUE(listed.empty());
}

TEST_F(ConfigStreamTest, WhoIsForgottenStaysSoAfterARestart) {
  {
    ScriptedProxy proxy(address(), {});
    proxy.Settle();
  }
  control_plane_->WaitUntil("a", IsIn(State::DISCONNECTED));
  control_plane_->Run([](Fleet& fleet) {
    fleet.Forget("a", [](const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; });
  });
  Restart();
  control_plane_->Run([](Fleet& fleet) { EXPECT_FALSE(fleet.Find("a").has_value()); });
}

TEST_F(ConfigStreamTest, OfTooManyThatAreGoneTheOldestIsForgotten) {
  control_plane_.reset();
  Fleet::Options options = ControlPlane::AtOnce();
  options.max_proxies = 1;
  Start(options);
  for (const char* node : {"first", "second", "third"}) {
    ScriptedProxy proxy(address(), Named(node));
    proxy.Settle();
    proxy.Leave();
    proxy.TakeEnd();
    // The proxy's side may see the end first.
    control_plane_->WaitUntil(node, IsIn(State::DISCONNECTED));
    control_plane_->Advance(absl::Milliseconds(1));
  }
  std::vector<v1::ProxyStatus> listed;
  control_plane_->Run([&listed](Fleet& fleet) { listed = fleet.List({}); });
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].node(), "second");
  EXPECT_EQ(listed[1].node(), "third");
}

TEST_F(ConfigStreamTest, AMessageThatIsTooLongEndsTheStream) {
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  v1::ProxyMessage message;
  message.mutable_resync()->set_reason(std::string(2 << 20, 'x'));
  proxy.Send(message);
  EXPECT_EQ(proxy.TakeEnd().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ConfigStreamTest, TheFirstMessageMustBeHello) {
  ScriptedProxy proxy(address(), {.says_hello = false});
  proxy.Resync();
  EXPECT_EQ(proxy.TakeEnd().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// Only the clock tells such a stream from one whose hello is on its way.

TEST_F(ConfigStreamTest, AStreamThatSaysNothingIsEnded) {
  ScriptedProxy proxy(address(), {.says_hello = false});
  while (!proxy.HasEnded()) control_plane_->Advance(absl::Seconds(1));
  EXPECT_EQ(proxy.TakeEnd().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(ConfigStreamTest, ANodeNameThatCannotBeShownIsRefused) {
  ScriptedProxy proxy(address(), Named("a b\x1b[2J"));
  EXPECT_EQ(proxy.TakeEnd().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ConfigStreamTest, HelloComesOnce) {
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  v1::ProxyMessage message;
  message.mutable_hello()->set_node("a");
  message.mutable_hello()->set_schema(1);
  proxy.Send(message);
  EXPECT_EQ(proxy.TakeEnd().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace sluice::fleet
