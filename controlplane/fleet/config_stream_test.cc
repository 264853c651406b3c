// What proxies are sent, over real connections: one test a rule of the design.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "controlplane/fleet/testing/config_stream_fixture.h"

namespace sluice::fleet {
namespace {

using resource::Kind;
using ::testing::HasSubstr;
using State = v1::ProxyStatus;

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
  // Whoever keeps a copy elsewhere keeps the key, too, which is beside the directory.
  std::filesystem::copy_file(dir_.path() + ".seal-key", backup.path() + ".seal-key");
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
