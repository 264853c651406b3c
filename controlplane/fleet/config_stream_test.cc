// What proxies are sent, over real connections: one test a rule of the design's section 4.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "controlplane/fleet/testing/control_plane.h"
#include "controlplane/fleet/testing/desired.h"
#include "controlplane/fleet/testing/scripted_proxy.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::fleet {
namespace {

using resource::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = v1::ProxyStatus;

v1::Resource Described(const std::string& name, const std::string& description,
                       std::vector<std::string> groups = {}) {
  v1::Resource route = RouteTo("u", name, std::move(groups));
  route.set_description(description);
  return route;
}

auto IsIn(State::State state) {
  return [state](const v1::ProxyStatus& status) { return status.state() == state; };
}

class ConfigStreamTest : public ::testing::Test {
 protected:
  // Nothing has been sent to the proxy: the next thing it hears is a question of ours.
  void ExpectSilence(ScriptedProxy& proxy, const std::string& node = "a") {
    control_plane_->Run([&node](Fleet& fleet) {
      struct Ignored final : PageRelay::Sink {
        absl::Status OnPart(v1::AdminPageResponse) override { return absl::OkStatus(); }
        void OnEnd(absl::Status) override {}
      };
      EXPECT_TRUE(fleet.FetchPage(node, "/", std::make_unique<Ignored>()).ok());
    });
    proxy.TakeQuery();
  }

  ScriptedProxy::Options Named(const std::string& node, uint64_t instance = 1) {
    return {.node = node, .started_at_ns = 1000 + instance, .instance = instance};
  }

  void Start(Fleet::Options options) {
    control_plane_ = std::make_unique<ControlPlane>(dir_.path(), options);
  }

  // Another process on the same data.
  void Restart() {
    control_plane_.reset();
    Start(ControlPlane::AtOnce());
  }

  std::string address() { return control_plane_->address(); }

  store::TempDir dir_;
  std::unique_ptr<ControlPlane> control_plane_ = std::make_unique<ControlPlane>(dir_.path());
};

TEST_F(ConfigStreamTest, ANewProxyGetsItsTargetAndEverything) {
  const uint64_t number = control_plane_->Put({Upstream("u"), RouteTo("u", "r")});
  ScriptedProxy proxy(address(), {});
  const v1::Welcome welcome = proxy.TakeWelcome();
  EXPECT_EQ(welcome.report_interval().seconds(), 10);
  EXPECT_EQ(welcome.target().number(), number);
  proxy.TakeUpdate();
  EXPECT_TRUE(proxy.replica().was_full());
  EXPECT_EQ(ToProto(*proxy.replica().generation()).SerializeAsString(),
            welcome.target().SerializeAsString());
  EXPECT_EQ(proxy.replica().resources().size(), 2u);
}

// A proxy is ready once it has a generation: an empty one too.
TEST_F(ConfigStreamTest, AnEmptyStoreIsAnUpdateToo) {
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  EXPECT_EQ(proxy.replica().entries(), 0u);
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
}

TEST_F(ConfigStreamTest, AChangeReachesTheProxiesThatSeeItAsADelta) {
  control_plane_->Put({Upstream("u"), Described("r", "1"), Described("other", "1")});
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  control_plane_->Put({Described("r", "2")});
  proxy.TakeUpdate();
  EXPECT_FALSE(proxy.replica().was_full());
  EXPECT_EQ(proxy.replica().entries(), 1u);
}

TEST_F(ConfigStreamTest, ACommitThatChangesNothingHereSendsTheNumberOnly) {
  control_plane_->Put({Upstream("u"), Described("r", "1", {"edge"})});
  ScriptedProxy proxy(address(), {.groups = {"edge"}});
  proxy.Settle();
  const uint64_t number = control_plane_->Put({Described("core", "1", {"core"})});
  proxy.TakeUpdate();
  EXPECT_EQ(proxy.replica().generation()->id.number, number);
  EXPECT_EQ(proxy.replica().entries(), 0u);
}

TEST_F(ConfigStreamTest, RegisteredEndpointsComeWithTheirUpstream) {
  control_plane_->Put({Upstream("u"), RouteTo("u", "r")});
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  control_plane_->Register("u", {"10.0.0.1:80"});
  proxy.TakeUpdate();
  EXPECT_EQ(proxy.replica().endpoints().count("u test 10.0.0.1:80"), 1u);
}

TEST_F(ConfigStreamTest, ReconnectingWithTheCurrentGenerationCostsNoUpdate) {
  control_plane_->Put({Upstream("u"), RouteTo("u", "r")});
  Replica held;
  {
    ScriptedProxy proxy(address(), {});
    proxy.Settle();
    held = proxy.replica();
  }
  ScriptedProxy again(address(), {.holds = &held});
  again.TakeWelcome();
  ExpectSilence(again);
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
}

TEST_F(ConfigStreamTest, WhoWasAwayGetsWhatChangedMeanwhile) {
  control_plane_->Put({Upstream("u"), Described("r", "1"), Described("other", "1")});
  Replica held;
  {
    ScriptedProxy proxy(address(), {});
    proxy.Settle();
    held = proxy.replica();
    proxy.Leave();
    proxy.TakeEnd();
  }
  control_plane_->Put({Described("r", "2")});
  control_plane_->Put({Described("r", "3")});
  ScriptedProxy again(address(), {.holds = &held});
  again.TakeWelcome();
  again.TakeUpdate();
  EXPECT_FALSE(again.replica().was_full());
  EXPECT_EQ(again.replica().entries(), 1u);
}

TEST_F(ConfigStreamTest, WhoWasAwayOverARestartGetsWhatChangedMeanwhile) {
  control_plane_->Put({Upstream("u"), Described("r", "1"), Described("other", "1")});
  Replica held;
  {
    ScriptedProxy proxy(address(), {});
    proxy.Settle();
    held = proxy.replica();
  }
  control_plane_->Put({Described("r", "2")});
  Restart();
  control_plane_->Put({Described("r", "3")});
  ScriptedProxy again(address(), {.holds = &held});
  again.TakeWelcome();
  again.TakeUpdate();
  EXPECT_FALSE(again.replica().was_full());
  EXPECT_EQ(again.replica().entries(), 1u);
  again.Say(v1::Status::ACTIVE);
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
}

TEST_F(ConfigStreamTest, WhoComesBackInOtherGroupsGetsEverything) {
  control_plane_->Put(
      {Upstream("u"), Described("r", "1", {"edge"}), Described("s", "1", {"core"})});
  Replica held;
  {
    ScriptedProxy proxy(address(), {.groups = {"core"}});
    proxy.Settle();
    held = proxy.replica();
  }
  control_plane_->Put({Described("r", "2", {"edge"})});
  ScriptedProxy again(address(), {.groups = {"edge"}, .holds = &held});
  again.TakeWelcome();
  again.TakeUpdate();
  EXPECT_TRUE(again.replica().was_full());
  EXPECT_EQ(again.replica().resources().count(KeyOf(Kind::kRoute, "s")), 0u);
}

TEST_F(ConfigStreamTest, AfterARestartUnchangedContentNeedsNoFullUpdate) {
  control_plane_->Put({Upstream("u"), Described("r", "1", {"edge"})});
  ScriptedProxy proxy(address(), {.groups = {"edge"}});
  proxy.Settle();
  const Replica held = proxy.replica();
  control_plane_->Put({Described("core", "1", {"core"})});
  control_plane_.reset();
  control_plane_ = std::make_unique<ControlPlane>(dir_.path());
  ScriptedProxy again(address(), {.groups = {"edge"}, .holds = &held});
  again.TakeWelcome();
  again.TakeUpdate();
  EXPECT_FALSE(again.replica().was_full());
  EXPECT_EQ(again.replica().entries(), 0u);
}

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

TEST_F(ConfigStreamTest, ResyncGetsEverything) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  proxy.Resync();
  proxy.TakeUpdate();
  EXPECT_TRUE(proxy.replica().was_full());
}

TEST_F(ConfigStreamTest, WhoHoldsAnotherStoreGetsEverything) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  store::TempDir other_dir;
  Replica foreign;
  {
    ControlPlane other(other_dir.path());
    other.Put({Upstream("u"), Described("r", "1")});
    ScriptedProxy proxy(other.address(), {});
    proxy.Settle();
    foreign = proxy.replica();
  }
  ScriptedProxy proxy(address(), {.holds = &foreign});
  proxy.TakeWelcome();
  proxy.TakeUpdate();
  EXPECT_TRUE(proxy.replica().was_full());
}

TEST_F(ConfigStreamTest, ARestoredStoreIsNoticedAndTheFleetFollowsIt) {
  control_plane_->Put({Upstream("u"), Described("r", "backed up")});
  control_plane_.reset();
  store::TempDir backup;
  std::filesystem::copy(
      dir_.path(), backup.path(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  control_plane_ = std::make_unique<ControlPlane>(dir_.path());
  control_plane_->Put({Described("r", "lost")});
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  const Replica held = proxy.replica();
  control_plane_.reset();

  control_plane_ = std::make_unique<ControlPlane>(backup.path());
  ScriptedProxy again(address(), {.holds = &held});
  again.TakeWelcome();
  again.TakeUpdate();
  EXPECT_EQ(again.replica().generation()->id.epoch, 2u);
  EXPECT_LT(again.replica().generation()->id.number, held.generation()->id.number);
  EXPECT_THAT(again.replica().resources().at(KeyOf(Kind::kRoute, "r")), HasSubstr("backed up"));
  control_plane_.reset();
  control_plane_ = std::make_unique<ControlPlane>(backup.path());
  EXPECT_EQ(control_plane_->ledger().state()->head.generation.epoch, 2u) << "not persisted";
}

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

TEST_F(ConfigStreamTest, ABurstIsSentAsOne) {
  control_plane_.reset();
  Start({});
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  control_plane_->Advance(absl::Seconds(1));
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
  control_plane_->Put({Described("r", "2")});  // A lone change goes at once.
  proxy.TakeUpdate();
  proxy.Say(v1::Status::ACTIVE);
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
  control_plane_->Put({Described("r", "3")});
  const uint64_t newest = control_plane_->Put({Described("r", "4")});
  ExpectSilence(proxy);
  control_plane_->Advance(absl::Milliseconds(10));
  proxy.TakeUpdate();
  EXPECT_EQ(proxy.replica().generation()->id.number, newest);
}

TEST_F(ConfigStreamTest, AnUpdateOfManyPartsArrivesWhole) {
  std::vector<v1::Resource> resources = {Upstream("u")};
  for (int i = 0; i < 400; ++i) {
    resources.push_back(Described("r" + std::to_string(i), std::string(4000, 'x')));
  }
  control_plane_->Put(resources);
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  EXPECT_EQ(proxy.replica().resources().size(), 401u);
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
  control_plane_->Run([](Fleet& fleet) { EXPECT_TRUE(fleet.Forget("a").ok()); });
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

TEST_F(ConfigStreamTest, UpdatesAreCounted) {
  control_plane_->Put({Upstream("u"), Described("r", "1")});
  ScriptedProxy proxy(address(), {});
  proxy.Settle();
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
  control_plane_->Advance(absl::Milliseconds(1));
  control_plane_->Put({Described("r", "2")});
  proxy.TakeUpdate();
  proxy.Say(v1::Status::ACTIVE);
  control_plane_->WaitUntil("a", IsIn(State::ACTIVE));
  EXPECT_EQ(control_plane_->Metric("sluice_fleet_updates_total{kind=\"full\"}"), "1");
  EXPECT_EQ(control_plane_->Metric("sluice_fleet_updates_total{kind=\"delta\"}"), "1");
  EXPECT_EQ(control_plane_->Metric("sluice_fleet_commit_to_active_seconds_count"), "1");
  EXPECT_EQ(control_plane_->Metric("sluice_fleet_proxies{state=\"active\"}"), "1");
}

}  // namespace
}  // namespace sluice::fleet
