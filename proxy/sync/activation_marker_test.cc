#include "proxy/sync/activation_marker.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>

#include "proxy/sync/testing/views.h"

namespace sluice::sync {
namespace {

Generation Numbered(uint64_t number) {
  return {TestStoreId(), 1, number, std::string(kViewHashBytes, static_cast<char>('a' + number))};
}

class ActivationMarkerTest : public ::testing::Test {
 protected:
  // What a process sees that starts now.
  std::unique_ptr<ActivationMarker> Open() {
    absl::StatusOr<std::unique_ptr<StateDirectory>> state = StateDirectory::Open(directory_.path());
    EXPECT_TRUE(state.ok());
    absl::StatusOr<std::unique_ptr<ActivationMarker>> marker =
        ActivationMarker::Open(**state, machine_);
    EXPECT_TRUE(marker.ok());
    return *std::move(marker);
  }

  // A process that activates `generation` and then dies by `die`.
  void RunUntilDeath(const Generation& generation, const std::function<void()>& die) {
    const pid_t child = fork();
    if (child == 0) {
      auto marker = Open();
      marker->RecordCrashes();
      marker->Begin(generation);
      die();
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
  }

  static void Crash() { raise(SIGSEGV); }

  TestDirectory directory_;
  MachineState machine_{"boot-1", 5};
};

TEST_F(ActivationMarkerTest, TwoCrashesOnTrialCondemnAGeneration) {
  RunUntilDeath(Numbered(1), Crash);
  EXPECT_EQ(Open()->condemned(), std::nullopt);
  RunUntilDeath(Numbered(1), [] { abort(); });
  EXPECT_EQ(Open()->condemned(), Numbered(1));
  EXPECT_EQ(Open()->condemned(), Numbered(1));
}

TEST_F(ActivationMarkerTest, TheSameContentUnderAnotherNumberIsTheSameSuspect) {
  RunUntilDeath(Numbered(1), Crash);
  Generation renumbered = Numbered(1);
  renumbered.number = 7;
  RunUntilDeath(renumbered, Crash);
  EXPECT_EQ(Open()->condemned(), renumbered);
}

TEST_F(ActivationMarkerTest, CrashesOfDifferentGenerationsDoNotAddUp) {
  RunUntilDeath(Numbered(1), Crash);
  RunUntilDeath(Numbered(2), Crash);
  EXPECT_EQ(Open()->condemned(), std::nullopt);
}

TEST_F(ActivationMarkerTest, AnotherTrialBetweenDoesNotClearASuspect) {
  RunUntilDeath(Numbered(1), Crash);
  {
    auto marker = Open();
    marker->Begin(Numbered(0));
    marker->End();
  }
  RunUntilDeath(Numbered(1), Crash);
  EXPECT_EQ(Open()->condemned(), Numbered(1));
}

TEST_F(ActivationMarkerTest, ASurvivedTrialForgetsTheCrash) {
  RunUntilDeath(Numbered(1), Crash);
  {
    auto marker = Open();
    marker->Begin(Numbered(1));
    marker->End();
  }
  RunUntilDeath(Numbered(1), Crash);
  EXPECT_EQ(Open()->condemned(), std::nullopt);
}

TEST_F(ActivationMarkerTest, AKilledProcessSaysNothingAboutItsGeneration) {
  for (int i = 0; i < 4; ++i) RunUntilDeath(Numbered(1), [] { raise(SIGKILL); });
  EXPECT_EQ(Open()->condemned(), std::nullopt);
}

TEST_F(ActivationMarkerTest, AKillForLackOfMemoryIsACrash) {
  for (int i = 0; i < 2; ++i) {
    RunUntilDeath(Numbered(1), [] { raise(SIGKILL); });
    ++machine_.oom_kills;
    Open();
  }
  EXPECT_EQ(Open()->condemned(), Numbered(1));
}

TEST_F(ActivationMarkerTest, CountersOfAnEarlierBootSayNothing) {
  for (int i = 0; i < 4; ++i) {
    RunUntilDeath(Numbered(1), [] { raise(SIGKILL); });
    machine_ = {"boot-" + std::to_string(i + 2), 50};
  }
  EXPECT_EQ(Open()->condemned(), std::nullopt);
}

TEST_F(ActivationMarkerTest, ADamagedFileCountsAsNone) {
  RunUntilDeath(Numbered(1), Crash);
  RunUntilDeath(Numbered(1), Crash);
  std::string file = directory_.Read("activation");
  file[100] ^= 1;
  directory_.Write("activation", file);
  EXPECT_EQ(Open()->condemned(), std::nullopt);
}

TEST_F(ActivationMarkerTest, ThisMachineHasABootId) {
  EXPECT_FALSE(ReadMachineState().boot_id.empty());
}

}  // namespace
}  // namespace sluice::sync
