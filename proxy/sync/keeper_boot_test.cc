// What a keeper boots from its directory, also after crashes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/version.h"
#include "proxy/sync/journal.h"
#include "proxy/sync/testing/keeper_fixture.h"

namespace sluice::sync {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

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

}  // namespace
}  // namespace sluice::sync
