#include "controlplane/fleet/view/recall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/resource/digest.h"
#include "controlplane/fleet/testing/desired.h"
#include "controlplane/fleet/testing/replica.h"
#include "controlplane/fleet/view/feeds.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/testing/temp_dir.h"
#include "controlplane/tickets/keyring.h"

namespace sluice::fleet {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// A ledger whose history nobody has followed.
class RecallTest : public ::testing::Test {
 protected:
  explicit RecallTest(uint64_t history_keep = 1000)
      : store_(*store::SqliteStore::Open(
            dir_.path(), {.history_keep = history_keep, .vfs = "", .seal_key_file = ""})),
        ledger_(*store::Ledger::Open(*store_, clock_)) {}

  void Put(const v1::Resource& resource) {
    const uint64_t expected = ledger_->state()->head.configuration;
    ASSERT_TRUE(
        ledger_->Commit({{resource::KeyOf(resource), resource::Serialise(resource)}}, {}, expected)
            .ok());
  }

  void Route(const std::string& name, const std::string& description,
             std::vector<std::string> groups = {}) {
    v1::Resource route = RouteTo("u", name, std::move(groups));
    route.set_description(description);
    Put(route);
  }

  void Register(const std::string& address) {
    store::Registration registration;
    registration.upstream = "u";
    registration.owner = "test";
    registration.ttl = absl::Hours(1);
    registration.upsert = {{address, {}}};
    ASSERT_TRUE(ledger_->Register({registration}, {}).ok());
  }

  void RotateTickets() {
    const tickets::Keyring keyring = tickets::Keyring().Rotated(clock_.Now(), {});
    ASSERT_TRUE(ledger_->SetTicketKeys(keyring.Encode(), {}).ok());
  }

  // What a proxy of `groups` holds that connects now, in a control plane that starts now.
  Replica Now(const std::vector<std::string>& groups) {
    Feeds feeds({});
    Replica replica;
    feeds.Start(*ledger_->state());
    replica.Apply(*feeds.Join(groups, "a").feed.UpdateTo(Id(), absl::UnixEpoch(), std::nullopt));
    return replica;
  }

  // The update for a proxy that holds `held` from a control plane that starts now.
  std::shared_ptr<const Update> UpdateFor(const Replica& held,
                                          const std::vector<std::string>& groups) {
    feeds_ = std::make_unique<Feeds>(Feed::Limits());
    feeds_->Start(*ledger_->state());
    Feed& feed = feeds_->Join(groups, "a").feed;
    feed.Learn(Recall(*ledger_, groups, {held.generation()->id.number}, Id().number));
    return feed.UpdateTo(Id(), absl::UnixEpoch(), held.generation());
  }

  store::GenerationId Id() { return ledger_->state()->head.generation; }

  ManualClock clock_;
  store::TempDir dir_;
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<store::Ledger> ledger_;
  std::unique_ptr<Feeds> feeds_;
};

TEST_F(RecallTest, WhoMissedChangesNeedsOnlyThem) {
  Put(Upstream("u"));
  for (const char* name : {"a", "b", "c"}) Route(name, "1");
  Register("10.0.0.1:80");
  Replica replica = Now({});
  Route("a", "2");
  Register("10.0.0.2:80");
  Route("d", "1");
  Route("a", "3");
  const auto update = UpdateFor(replica, {});
  EXPECT_TRUE(update->step.from.has_value());
  replica.Apply(*update);
  EXPECT_EQ(replica.entries(), 3u);  // Two routes and an endpoint.
  EXPECT_EQ(replica.Hash(), Now({}).Hash());
}

TEST_F(RecallTest, WhoHasTheTicketKeysOfNowNeedsOnlyWhatChanged) {
  Put(Upstream("u"));
  v1::Resource listener = Listener("web");
  listener.mutable_listener()->mutable_tls()->add_certificates("c");
  Put(listener);
  Replica before = Now({});
  RotateTickets();
  Replica after = Now({});
  EXPECT_EQ(after.tickets().count("web"), 1u);
  Route("a", "1");
  const auto update = UpdateFor(after, {});
  EXPECT_TRUE(update->step.from.has_value());
  after.Apply(*update);
  EXPECT_EQ(after.Hash(), Now({}).Hash());
  // What was before the keys of now cannot be told any more.
  const auto full = UpdateFor(before, {});
  EXPECT_FALSE(full->step.from.has_value());
  before.Apply(*full);
  EXPECT_EQ(before.Hash(), after.Hash());
}

// A route that comes into the view brings what it refers to, though that did not change.
TEST_F(RecallTest, TheViewIsTheOneOfThatTime) {
  Put(Upstream("u"));
  Route("a", "1", {"core"});
  Route("b", "1", {"core"});
  Put(Upstream("v"));
  Put(RouteTo("v", "other", {"edge"}));
  Replica replica = Now({"edge"});
  Route("a", "1", {"edge"});
  const auto update = UpdateFor(replica, {"edge"});
  EXPECT_TRUE(update->step.from.has_value());
  replica.Apply(*update);
  EXPECT_EQ(replica.resources().count(KeyOf(resource::Kind::kUpstream, "u")), 1u);
  EXPECT_EQ(replica.Hash(), Now({"edge"}).Hash());
}

TEST_F(RecallTest, WhoWasInOtherGroupsThenGetsEverything) {
  Put(Upstream("u"));
  Route("a", "1", {"edge"});
  Route("b", "1", {"core"});
  const Replica replica = Now({"core"});
  Route("a", "2", {"edge"});
  EXPECT_FALSE(UpdateFor(replica, {"edge"})->step.from.has_value());
}

TEST_F(RecallTest, SeveralGenerationsAreRecalledInOneWalk) {
  Put(Upstream("u"));
  std::vector<Replica> replicas;
  std::set<uint64_t> held;
  for (int i = 0; i < 4; ++i) {
    Route("a", std::to_string(i));
    Route("b" + std::to_string(i), "1");
    replicas.push_back(Now({}));
    held.insert(Id().number);
  }
  Route("a", "last");
  Feeds feeds({});
  feeds.Start(*ledger_->state());
  Feed& feed = feeds.Join({}, "a").feed;
  const auto steps = Recall(*ledger_, {}, held, Id().number);
  EXPECT_THAT(steps, SizeIs(4));
  feed.Learn(steps);
  for (Replica& replica : replicas) {
    const auto update = feed.UpdateTo(Id(), absl::UnixEpoch(), replica.generation());
    EXPECT_TRUE(update->step.from.has_value());
    replica.Apply(*update);
    EXPECT_EQ(replica.Hash(), feed.view().hash());
  }
}

class ShortRecallTest : public RecallTest {
 protected:
  ShortRecallTest() : RecallTest(2) {}
};

TEST_F(ShortRecallTest, WhatIsNoLongerKeptIsLeftOut) {
  Put(Upstream("u"));
  for (int i = 0; i < 5; ++i) Route("a", std::to_string(i));
  const uint64_t newest = Id().number;
  EXPECT_THAT(Recall(*ledger_, {}, {1}, newest), IsEmpty());
  EXPECT_THAT(Recall(*ledger_, {}, {1, newest - 1}, newest), SizeIs(1));
  EXPECT_THAT(Recall(*ledger_, {}, {newest, newest + 5}, newest), IsEmpty());
}

}  // namespace
}  // namespace sluice::fleet
