#include "proxy/sync/keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/resource/digest.h"
#include "base/version.h"
#include "proxy/sync/testing/update.h"
#include "proxy/sync/testing/views.h"

namespace sluice::sync {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// A keeper with an applier that holds what it was given, on a clock that the test moves.
class KeeperTest : public ::testing::Test, public Applier, public KeeperEvents {
 protected:
  KeeperTest() {
    EXPECT_TRUE(loop_.Init().ok());
    Restart();
  }

  void Stop() {
    keeper_.reset();
    state_.reset();
  }

  // A new process on the same directory. What was applied is gone.
  void Restart() {
    Stop();
    absl::StatusOr<std::unique_ptr<StateDirectory>> state = StateDirectory::Open(directory_.path());
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *std::move(state);
    auto marker = ActivationMarker::Open(*state_, machine_);
    ASSERT_TRUE(marker.ok());
    keeper_ = std::make_unique<Keeper>(loop_, clock_, *state_, *std::move(marker), *this);
    served_.clear();
    log_.clear();
    active_.reset();
    keeper_->Boot(*this);
  }

  // Applier
  void Apply(const ViewChange& change, absl::AnyInvocable<void(Result)> done) override {
    ++applications_;
    last_change_ = change;
    if (on_apply_) on_apply_();
    if (answer_.outcome != Outcome::kRejected) {
      for (const auto& upsert : change.upserts) served_[upsert.key.name] = upsert.bytes;
      for (const auto& key : change.removals) served_.erase(key.name);
      for (const auto& e : change.endpoint_upserts) served_[e.address] = std::to_string(e.weight);
      for (const auto& e : change.endpoint_removals) served_.erase(e.address);
    }
    if (answers_later_) {
      done_ = std::move(done);
    } else {
      done(answer_);
    }
  }

  // KeeperEvents
  void OnBooted(const std::optional<Generation>& active) override {
    log_.push_back("booted");
    active_ = active;
  }
  void OnPartTaken(size_t bytes) override { taken_ += bytes; }
  void OnPhase(const PhaseReport& report) override {
    static constexpr const char* kNames[] = {"received", "active", "rejected", "degraded"};
    log_.push_back(std::string(kNames[static_cast<int>(report.phase)]) + " " +
                   std::to_string(report.generation.number));
    last_report_ = report;
    if (report.phase != PhaseReport::Phase::kReceived &&
        report.phase != PhaseReport::Phase::kRejected) {
      active_ = report.generation;
    }
  }
  void OnResync(const std::string& reason) override {
    log_.push_back("resync");
    reason_ = reason;
  }
  void OnStaleServer(const std::string& reason) override {
    log_.push_back("stale");
    reason_ = reason;
  }
  void OnPersisted(const std::optional<Generation>& persisted, const std::string& fault) override {
    persisted_ = persisted;
    fault_ = fault;
  }

  void Take(const std::vector<UpdatePart>& parts) {
    for (const UpdatePart& part : parts) {
      given_ += part.bytes();
      keeper_->TakePart(part);
    }
  }
  // The next generation as a delta from what is active, or as a full update.
  void TakeDelta(std::vector<ViewChange::Upsert> upserts,
                 std::vector<resource::Key> removals = {}) {
    const std::optional<Generation> from = active_;
    Take(MakeUpdate(from, view_.Apply(std::move(upserts), std::move(removals))));
  }
  std::string ProblemText() const { return resource::ToString(last_report_.problems.at(0)); }

  void Pass(absl::Duration time) {
    clock_.Advance(time);
    loop_.RunOnce(absl::ZeroDuration());
    loop_.RunOnce(absl::ZeroDuration());
  }

  TestDirectory directory_;
  ManualClock clock_;
  event::Loop loop_{clock_};
  MachineState machine_{"boot", 0};
  TestView view_;
  std::unique_ptr<StateDirectory> state_;
  std::unique_ptr<Keeper> keeper_;

  Result answer_;
  bool answers_later_ = false;
  std::function<void()> on_apply_;
  absl::AnyInvocable<void(Result)> done_;
  int applications_ = 0;
  ViewChange last_change_;
  std::map<std::string, std::string> served_;

  std::vector<std::string> log_;
  std::optional<Generation> active_;
  std::optional<Generation> persisted_;
  std::string fault_;
  PhaseReport last_report_;
  std::string reason_;
  size_t given_ = 0;
  size_t taken_ = 0;
};

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

// --- Boot.

TEST_F(KeeperTest, AViewThatCannotBeAppliedAnyMoreGivesWayToTheOneBefore) {
  TakeDelta({TestRoute("a", "1")});
  TakeDelta({TestRoute("a", "2")});
  on_apply_ = [this] {
    const bool is_bad = last_change_.generation.number == 2;
    answer_.outcome = is_bad ? Outcome::kRejected : Outcome::kActive;
  };
  Restart();
  EXPECT_THAT(log_, ElementsAre("rejected 2", "active 1", "booted"));
  EXPECT_THAT(served_, ElementsAre(Pair("a", "1")));
}

TEST_F(KeeperTest, ALaterBuildsViewIsNotUsedAndReplacedByTheNextFullUpdate) {
  ViewChange change = view_.Apply({TestRoute("a", "1")});
  change.schema = kSchema + 1;
  {
    Journal journal(*state_);
    ASSERT_TRUE(journal.Load("").ok());
    ASSERT_TRUE(journal.Append(change, HeldView()).ok());
  }
  Restart();
  EXPECT_THAT(log_, ElementsAre("booted"));
  EXPECT_EQ(active_, std::nullopt);
  Take(MakeUpdate(std::nullopt, view_.Apply({TestRoute("b", "2")}, {TestRouteKey("a")})));
  EXPECT_EQ(persisted_, view_.generation);
  Restart();
  EXPECT_THAT(served_, ElementsAre(Pair("b", "2")));
}

// Runs `body` as a process of its own that crashes at the end.
void CrashAfter(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    raise(SIGSEGV);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
}

class KeeperCrashTest : public KeeperTest {
 protected:
  // What `main` does besides.
  void StartRecorded() {
    state_ = *StateDirectory::Open(directory_.path());
    auto marker = *ActivationMarker::Open(*state_, machine_);
    marker->RecordCrashes();
    keeper_ = std::make_unique<Keeper>(loop_, clock_, *state_, std::move(marker), *this);
    keeper_->Boot(*this);
  }
};

TEST_F(KeeperCrashTest, AGenerationThatCrashesTwiceAfterItsActivationIsRolledBackAndRefused) {
  TakeDelta({TestRoute("a", "good")});
  const std::optional<Generation> good = active_;
  const ViewChange bad = view_.Apply({TestRoute("a", "bad")});
  Stop();
  CrashAfter([&] {
    StartRecorded();
    Take(MakeUpdate(good, bad));
  });
  CrashAfter([&] { StartRecorded(); });  // Booted once more: it may have been chance.
  Restart();
  EXPECT_THAT(log_, ElementsAre("rejected 2", "active 1", "booted"));
  EXPECT_THAT(served_, ElementsAre(Pair("a", "good")));
  Take(MakeUpdate(good, bad));
  EXPECT_EQ(log_.back(), "rejected 2");
  EXPECT_THAT(ProblemText(), HasSubstr("crashed 2 times"));
  Take(MakeUpdate(good, view_.Apply({TestRoute("a", "mended")})));
  EXPECT_THAT(served_, ElementsAre(Pair("a", "mended")));
}

TEST_F(KeeperCrashTest, AGenerationThatCrashesWhileItIsAppliedIsRefusedTheThirdTime) {
  TakeDelta({TestRoute("a", "good")});
  const std::optional<Generation> good = active_;
  const ViewChange bad = view_.Apply({TestRoute("a", "bad")});
  Stop();
  for (int i = 0; i < 2; ++i) {
    CrashAfter([&] {
      StartRecorded();
      on_apply_ = [] { raise(SIGSEGV); };
      Take(MakeUpdate(good, bad));
    });
  }
  Restart();
  EXPECT_THAT(log_, ElementsAre("rejected 2", "active 1", "booted"));
}

TEST_F(KeeperCrashTest, ACrashAfterTheTrialIsNotTheGenerationsFault) {
  TakeDelta({TestRoute("a", "1")});
  Stop();
  for (int i = 0; i < 3; ++i) {
    CrashAfter([&] {
      StartRecorded();
      Pass(absl::Seconds(61));
    });
  }
  Restart();
  EXPECT_THAT(log_, ElementsAre("active 1", "booted"));
}

TEST_F(KeeperCrashTest, WithNothingBeforeItTheCrashingViewIsBootedAllTheSame) {
  TakeDelta({TestRoute("a", "1")});
  Stop();
  for (int i = 0; i < 2; ++i) CrashAfter([&] { StartRecorded(); });
  Restart();
  EXPECT_THAT(log_, ElementsAre("active 1", "booted"));
}

// --- The disk.

class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST_F(KeeperTest, AFullDiskStopsNothingAndIsMendedByAFullUpdate) {
  TakeDelta({TestRoute("a", "1")});
  {
    const FileSizeLimit full(400);
    TakeDelta({TestRoute("b", std::string(500, 'b'))});
    EXPECT_EQ(log_.back(), "active 2");
    EXPECT_THAT(fault_, HasSubstr("write: "));
    EXPECT_EQ(persisted_->number, 1);
    Pass(absl::Seconds(61));  // No room yet: nothing is asked for.
    EXPECT_EQ(log_.back(), "active 2");
  }
  TakeDelta({TestRoute("c", "3")});
  EXPECT_EQ(persisted_->number, 1);
  Pass(absl::Seconds(61));
  EXPECT_EQ(log_.back(), "resync");
  ViewChange whole;
  whole.generation = view_.generation;
  whole.schema = kSchema;
  whole.upserts = {TestRoute("a", "1"), TestRoute("b", std::string(500, 'b')), TestRoute("c", "3")};
  Take(MakeUpdate(std::nullopt, whole));
  EXPECT_TRUE(last_change_.is_empty());
  EXPECT_EQ(persisted_, view_.generation);
  EXPECT_EQ(fault_, "");
  TakeDelta({TestRoute("d", "4")});
  Restart();
  EXPECT_EQ(served_.size(), 4);
  EXPECT_EQ(active_, view_.generation);
}

// --- A successor.

TEST_F(KeeperTest, WhoHasLetGoWritesNothingMore) {
  TakeDelta({TestRoute("a", "1")});
  for (int i = 0; i < 50; ++i) {
    TakeDelta({TestRoute("b", std::string(3000, static_cast<char>('a' + i % 26)))});
  }
  ASSERT_TRUE(keeper_->LetGo().ok());
  const std::string journal = directory_.Read("journal");
  directory_.Write("activation", "of the successor");
  Pass(absl::Seconds(61));
  keeper_.reset();
  EXPECT_EQ(directory_.Read("journal"), journal);
  EXPECT_EQ(directory_.Read("activation"), "of the successor");
  Restart();
  EXPECT_EQ(active_, view_.generation);
}

TEST_F(KeeperTest, WhoTakesBackGoesOnAsBefore) {
  TakeDelta({TestRoute("a", "1")});
  ASSERT_TRUE(keeper_->LetGo().ok());
  keeper_->TakeBack();
  TakeDelta({TestRoute("a", "2")});
  Restart();
  EXPECT_THAT(served_, ElementsAre(Pair("a", "2")));
}

TEST_F(KeeperTest, NothingIsLetGoWhileAnUpdateIsAppliedOrTheDiskHoldsLess) {
  TakeDelta({TestRoute("a", "1")});
  answers_later_ = true;
  TakeDelta({TestRoute("a", "2")});
  EXPECT_EQ(keeper_->LetGo().code(), absl::StatusCode::kUnavailable);
  const FileSizeLimit full(400);
  std::move(done_)(answer_);
  answers_later_ = false;
  TakeDelta({TestRoute("b", std::string(500, 'b'))});
  EXPECT_EQ(keeper_->LetGo().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeeperTest, TheJournalIsWrittenAnewInAQuietMoment) {
  TakeDelta({TestRoute("a", "1")});
  for (int i = 0; i < 50; ++i) {
    TakeDelta({TestRoute("b", std::string(3000, static_cast<char>('a' + i % 26)))});
  }
  const size_t before = directory_.Read("journal").size();
  Pass(absl::Seconds(1.1));
  EXPECT_LT(directory_.Read("journal").size(), before / 5);
  TakeDelta({TestRoute("c", "3")});
  Restart();
  EXPECT_EQ(served_.size(), 3);
}

}  // namespace
}  // namespace sluice::sync
