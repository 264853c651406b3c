// What a keeper makes of updates, and of what its applier says to them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/version.h"
#include "proxy/sync/testing/keeper_fixture.h"

namespace sluice::sync {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// --- Updates.

TEST_F(KeeperTest, AnUpdateIsReceivedAppliedAndKept) {
  TakeDelta({TestRoute("a", "1"), TestRoute("b", "2")});
  EXPECT_THAT(log_, ElementsAre("booted", "received 1", "active 1"));
  EXPECT_THAT(served_, ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_EQ(persisted_, view_.generation);
  EXPECT_EQ(taken_, given_);
  TakeDelta({TestRoute("b", "3")}, {TestRouteKey("a")});
  EXPECT_THAT(served_, ElementsAre(Pair("b", "3")));
  Restart();
  EXPECT_THAT(log_, ElementsAre("active 2", "booted"));
  EXPECT_EQ(active_, view_.generation);
  EXPECT_THAT(served_, ElementsAre(Pair("b", "3")));
}

TEST_F(KeeperTest, AnUpdateInManyPartsIsAppliedOnce) {
  std::vector<ViewChange::Upsert> routes;
  for (int i = 0; i < 100; ++i) routes.push_back(TestRoute("r" + std::to_string(i), "x"));
  Take(MakeUpdate(std::nullopt, view_.Apply(routes), 100));
  EXPECT_EQ(applications_, 1);
  EXPECT_EQ(served_.size(), 100);
}

TEST_F(KeeperTest, AStepOfTheNumberAloneReachesTheApplierAndTheDisk) {
  TakeDelta({TestRoute("a", "1")});
  TakeDelta({});
  EXPECT_EQ(last_change_.generation.number, 2);
  EXPECT_TRUE(last_change_.is_empty());
  Restart();
  EXPECT_EQ(active_->number, 2);
}

TEST_F(KeeperTest, AFullUpdateIsAppliedAsTheDifference) {
  Take(MakeUpdate(std::nullopt,
                  view_.Apply({TestRoute("a", "1"), TestRoute("b", "1"), TestRoute("c", "1")}, {},
                              {{"up", "o", "10.0.0.1:80", 1}, {"up", "o", "10.0.0.2:80", 1}})));
  TestView other;
  other.generation.number = 6;
  Take(MakeUpdate(std::nullopt, other.Apply({TestRoute("a", "1"), TestRoute("b", "2")}, {},
                                            {{"up", "o", "10.0.0.1:80", 1}})));
  ASSERT_EQ(last_change_.upserts.size(), 1);
  EXPECT_EQ(last_change_.upserts[0].key.name, "b");
  ASSERT_EQ(last_change_.removals.size(), 1);
  EXPECT_EQ(last_change_.removals[0].name, "c");
  EXPECT_THAT(last_change_.endpoint_upserts, IsEmpty());
  EXPECT_EQ(last_change_.endpoint_removals.size(), 1);
  EXPECT_EQ(active_->number, 7);
}

TEST_F(KeeperTest, EndpointsComeGoAndChangeWeight) {
  Take(MakeUpdate(
      std::nullopt,
      view_.Apply({}, {}, {{"up", "o", "10.0.0.1:80", 1}, {"up", "o", "10.0.0.2:80", 1}})));
  Take(MakeUpdate(active_, view_.Apply({}, {}, {{"up", "o", "10.0.0.1:80", 9}},
                                       {{"up", "o", "10.0.0.2:80", 1}})));
  EXPECT_THAT(served_, ElementsAre(Pair("10.0.0.1:80", "9")));
  Restart();
  EXPECT_THAT(served_, ElementsAre(Pair("10.0.0.1:80", "9")));
}

TEST_F(KeeperTest, EndpointsKeepWhatElseIsSaidOfThem) {
  const resource::EndpointTraits traits{2, 1, "eu-1", {{"version", "v2"}}};
  Take(MakeUpdate(std::nullopt, view_.Apply({}, {}, {{"up", "o", "10.0.0.1:80", traits}})));
  Restart();
  EXPECT_THAT(served_, ElementsAre(Pair("10.0.0.1:80", "2eu-1")));
  EXPECT_EQ(last_change_.endpoint_upserts.at(0).traits, traits);
}

TEST_F(KeeperTest, TheNextUpdateWaitsForTheOneThatIsBeingApplied) {
  answers_later_ = true;
  TakeDelta({TestRoute("a", "1")});
  const Generation first = view_.generation;
  Take(MakeUpdate(first, view_.Apply({TestRoute("b", "2")})));
  EXPECT_EQ(applications_, 1);
  answers_later_ = false;
  done_(answer_);
  EXPECT_EQ(applications_, 2);
  EXPECT_THAT(served_, ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_EQ(taken_, given_);
}

TEST_F(KeeperTest, TheTimeTakenIsFromTheLastByte) {
  auto parts = MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")}));
  parts.back().received_at_ns = clock_.MonotonicNanos();
  on_apply_ = [this] { clock_.Advance(absl::Milliseconds(30)); };
  Take(parts);
  EXPECT_EQ(last_report_.took, absl::Milliseconds(30));
}

// --- What does not fit.

TEST_F(KeeperTest, ADeltaFromAnotherGenerationAsksForAFullUpdate) {
  TakeDelta({TestRoute("a", "1")});
  view_.Apply({TestRoute("b", "missed")});
  const Generation missed = view_.generation;
  Take(MakeUpdate(missed, view_.Apply({TestRoute("c", "3")})));
  EXPECT_EQ(log_.back(), "resync");
  EXPECT_THAT(served_, ElementsAre(Pair("a", "1")));
  EXPECT_EQ(taken_, given_);
}

TEST_F(KeeperTest, ADeltaWithAnotherHashAsksForAFullUpdateAndChangesNothing) {
  TakeDelta({TestRoute("a", "1")});
  ViewChange change = view_.Apply({TestRoute("b", "2")});
  change.upserts[0].bytes = "changed on the way";
  Take(MakeUpdate(active_, change));
  EXPECT_THAT(log_, ElementsAre("booted", "received 1", "active 1", "resync"));
  EXPECT_THAT(reason_, HasSubstr("hash"));
  EXPECT_THAT(served_, ElementsAre(Pair("a", "1")));
}

TEST_F(KeeperTest, AFullUpdateWithAnotherHashIsRejectedLestItComeAgainAndAgain) {
  ViewChange change = view_.Apply({TestRoute("b", "2")});
  change.upserts[0].bytes = "changed on the way";
  Take(MakeUpdate(std::nullopt, change));
  EXPECT_THAT(log_, ElementsAre("booted", "rejected 1"));
  EXPECT_THAT(ProblemText(), HasSubstr("hash"));
  EXPECT_EQ(applications_, 0);
}

TEST_F(KeeperTest, GarbageForEntriesIsRefusedAndTheNextUpdateTaken) {
  TakeDelta({TestRoute("a", "1")});
  auto parts = MakeUpdate(active_, view_.Apply({TestRoute("b", "2"), TestRoute("c", "3")}), 10);
  ASSERT_GT(parts.size(), 2);
  parts[0].entries = std::string(10, '\xff');
  Take(parts);
  EXPECT_EQ(log_.back(), "resync");
  Take(MakeUpdate(std::nullopt, view_.Apply({TestRoute("a", "1")})));
  EXPECT_EQ(log_.back(), "rejected 3");  // It says less than its hash.
  EXPECT_EQ(taken_, given_);
}

TEST_F(KeeperTest, AnObjectNamedTwiceIsRefused) {
  ViewChange change = view_.Apply({TestRoute("a", "1")});
  change.upserts.push_back(TestRoute("a", "2"));
  Take(MakeUpdate(std::nullopt, change));
  EXPECT_EQ(log_.back(), "rejected 1");
  EXPECT_THAT(ProblemText(), HasSubstr("Route//a twice"));
}

TEST_F(KeeperTest, AnOlderGenerationOfTheSameStoreIsNotTaken) {
  TakeDelta({TestRoute("a", "1")});
  TakeDelta({TestRoute("a", "2")});
  TestView restored;
  Take(MakeUpdate(std::nullopt, restored.Apply({TestRoute("a", "1")})));
  EXPECT_EQ(log_.back(), "stale");
  EXPECT_THAT(served_, ElementsAre(Pair("a", "2")));
  EXPECT_EQ(taken_, given_);
}

TEST_F(KeeperTest, ALowerNumberOfAHigherEpochIsTaken) {
  TakeDelta({TestRoute("a", "1")});
  TakeDelta({TestRoute("a", "2")});
  TestView restored;
  restored.generation.epoch = 2;
  Take(MakeUpdate(std::nullopt, restored.Apply({TestRoute("a", "1")})));
  EXPECT_EQ(log_.back(), "active 1");
  EXPECT_EQ(active_->epoch, 2);
  EXPECT_THAT(served_, ElementsAre(Pair("a", "1")));
}

TEST_F(KeeperTest, AForeignStoreIsTakenInFullOnly) {
  TakeDelta({TestRoute("a", "1")});
  TestView foreign;
  foreign.generation.store_id = TestStoreId('f');
  const ViewChange change = foreign.Apply({TestRoute("z", "1")});
  Take(MakeUpdate(active_, change));
  EXPECT_EQ(log_.back(), "resync");
  Take(MakeUpdate(std::nullopt, change));
  EXPECT_EQ(log_.back(), "active 1");
  EXPECT_THAT(served_, ElementsAre(Pair("z", "1")));
}

TEST_F(KeeperTest, AHigherSchemaIsRejectedRatherThanHalfUnderstood) {
  ViewChange change = view_.Apply({TestRoute("a", "1")});
  change.schema = kSchema + 1;
  Take(MakeUpdate(std::nullopt, change));
  EXPECT_EQ(log_.back(), "rejected 1");
  EXPECT_THAT(ProblemText(), HasSubstr("needs schema"));
  EXPECT_EQ(applications_, 0);
}

TEST_F(KeeperTest, AnUpdateCutByTheEndOfItsStreamLeavesNoTrace) {
  TakeDelta({TestRoute("a", "1")});
  auto parts = MakeUpdate(active_, view_.Apply({TestRoute("b", "2"), TestRoute("c", "3")}), 10);
  parts.resize(2);
  Take(parts);
  keeper_->AbandonUpdate();
  TestView other;
  other.generation.number = 8;
  Take(MakeUpdate(std::nullopt, other.Apply({TestRoute("d", "4")})));
  EXPECT_THAT(served_, ElementsAre(Pair("d", "4")));
  EXPECT_EQ(taken_, given_);
}

TEST_F(KeeperTest, PartsThatWaitedForAnEndedStreamAreForgotten) {
  answers_later_ = true;
  TakeDelta({TestRoute("a", "1")});
  const Generation first = view_.generation;
  Take(MakeUpdate(first, view_.Apply({TestRoute("b", "2")})));
  keeper_->AbandonUpdate();
  done_(answer_);
  EXPECT_EQ(applications_, 1);
  EXPECT_EQ(active_, first);
  EXPECT_EQ(taken_, given_);
}

TEST_F(KeeperTest, WhatWasAppliedSinceTheHelloIsSimplyActive) {
  answers_later_ = true;
  TakeDelta({TestRoute("a", "1")});
  answers_later_ = false;
  done_(answer_);
  const std::optional<Generation> before = active_;
  answers_later_ = true;
  const auto update = MakeUpdate(before, view_.Apply({TestRoute("b", "2")}));
  Take(update);
  keeper_->AbandonUpdate();  // The new stream's Hello said what was active: the one before.
  Take(update);
  done_(answer_);
  EXPECT_EQ(applications_, 2);
  EXPECT_THAT(
      log_, ElementsAre("booted", "received 1", "active 1", "received 2", "active 2", "active 2"));
}

// --- What the applier says.

TEST_F(KeeperTest, ARejectedGenerationLeavesTheOneBeforeInMemoryAndOnDisk) {
  TakeDelta({TestRoute("a", "1")});
  const Generation good = view_.generation;
  answer_.outcome = Outcome::kRejected;
  answer_.problems.resize(1);
  answer_.problems[0].problem = "no such plugin";
  TakeDelta({TestRoute("a", "2")});
  EXPECT_EQ(log_.back(), "rejected 2");
  EXPECT_EQ(ProblemText(), "no such plugin");
  EXPECT_EQ(persisted_, good);
  answer_ = Result();
  Take(MakeUpdate(good, view_.Apply({TestRoute("a", "3")})));
  EXPECT_EQ(log_.back(), "active 3");
  EXPECT_THAT(served_, ElementsAre(Pair("a", "3")));
}

TEST_F(KeeperTest, ADegradedGenerationIsHeld) {
  answer_.outcome = Outcome::kDegraded;
  TakeDelta({TestRoute("a", "1")});
  EXPECT_EQ(log_.back(), "degraded 1");
  EXPECT_EQ(persisted_, view_.generation);
  keeper_->NoteFaults({});
  EXPECT_EQ(log_.back(), "active 1");
  Restart();
  EXPECT_THAT(log_, ElementsAre("degraded 1", "booted"));
}

}  // namespace
}  // namespace sluice::sync
