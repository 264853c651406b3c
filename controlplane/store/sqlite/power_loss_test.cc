// A commit that was acknowledged survives a power cut, and no power cut leaves a third state.
//
// A fixed course of commits is run again and again, with the power cut at its first file operation,
// its second, and so on until a run is not touched. After each the store must hold what it held
// after the last acknowledged step, or after the one that was under way.
//
// kill -9 cannot show this: the kernel still has what was never synchronised. To know that the test
// would notice, it is also run with synchronisation switched off, and must fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/sqlite/testing/fault_vfs.h"
#include "controlplane/store/testing/commit_writer.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::store {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kHistoryKeep = 2;  // So that commits trim.

// One for all stores: to make one waits for the disk.
const std::string& SealKeyFile() {
  static const TempDir dir;
  static const std::string path = dir.path() + "/key";
  return path;
}

absl::StatusOr<std::unique_ptr<SqliteStore>> OpenStore(const TempDir& dir, const FaultVfs& vfs) {
  return SqliteStore::Open(dir.path(), {kHistoryKeep, vfs.name(), SealKeyFile()});
}

// All that can be read from a store, in one comparable text.
absl::StatusOr<std::string> Read(Store& store) {
  ASSIGN_OR_RETURN(const Content content, store.Load());
  const uint64_t newest = content.head.generation.number;
  std::string text = absl::StrCat("epoch ", content.head.generation.epoch, " number ", newest,
                                  " configuration ", content.head.configuration, "\n");
  for (const auto& [key, value] : Flat(content)) absl::StrAppend(&text, key, "=", value, "\n");
  HistoryQuery all;
  all.endpoints = true;
  ASSIGN_OR_RETURN(const std::vector<CommitRecord> history, store.History(all));
  for (const CommitRecord& record : history) {
    const uint64_t number = record.generation.number;
    absl::StrAppend(&text, "commit ", number, ":");
    const absl::StatusOr<ChangeSet> changes = store.Changes(number, newest);
    if (!changes.ok())
      absl::StrAppend(&text, " ", absl::StatusCodeToString(changes.status().code()));
    if (!changes.ok()) continue;
    for (const ResourceChange& change : changes->resources) {
      absl::StrAppend(&text, " ", change.key().name, "=",
                      change.before ? change.before->bytes : "");
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

// Moves what is in the log to the database, as happens from time to time. It may fail.
void Checkpoint(const TempDir& dir, const FaultVfs& vfs) {
  sqlite3* db = nullptr;
  sqlite3_open_v2((dir.path() + "/sluice.db").c_str(), &db, SQLITE_OPEN_READWRITE,
                  vfs.name().c_str());
  sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", nullptr, nullptr, nullptr);
  sqlite3_close(db);
}

// The course. Between steps the store is closed, or its log written back, at some places.
struct Step {
  enum class Before { kNothing, kReopen, kCheckpoint };
  Before before;
  std::function<absl::Status(Store&)> run;
};

std::vector<Step> Course() {
  const auto commit = [](std::map<std::string, std::string> routes) {
    return [routes](Store& store) { return CommitWriter(store).Commit(routes); };
  };
  const auto register_endpoints = [](std::map<std::string, uint32_t> addresses) {
    return [addresses](Store& store) { return CommitWriter(store).Register(addresses); };
  };
  const auto set_tickets = [](std::string bytes) {
    return [bytes](Store& store) { return CommitWriter(store).SetTickets(bytes); };
  };
  const auto raise_epoch = [](Store& store) -> absl::Status {
    ASSIGN_OR_RETURN(const Content content, store.Load());
    return store.RaiseEpoch(content.head, 2);
  };
  std::map<std::string, std::string> large;  // Over several pages.
  for (int i = 0; i < 5; ++i) large[absl::StrCat("large", i)] = std::string(3000, 'x');
  using Before = Step::Before;
  return {
      {Before::kNothing, commit({{"a", "1"}, {"b", "1"}})},
      {Before::kNothing, register_endpoints({{"x:1", 1}, {"y:1", 1}})},
      {Before::kNothing, commit(large)},
      {Before::kCheckpoint, commit({{"a", "2"}, {"b", ""}})},
      {Before::kNothing, raise_epoch},
      {Before::kNothing, set_tickets("1")},
      {Before::kReopen, commit({{"a", "1"}, {"large0", ""}})},
      {Before::kNothing, set_tickets("2")},
      {Before::kNothing, register_endpoints({{"x:1", 0}})},
      {Before::kCheckpoint, commit({{"c", "1"}})},
  };
}

// What a store holds after no step, after one, and so on.
std::vector<std::string> States() {
  TempDir dir;
  FaultVfs vfs("states");
  std::vector<std::string> states;
  auto store = *OpenStore(dir, vfs);
  states.push_back(*Read(*store));
  for (const Step& step : Course()) {
    EXPECT_TRUE(step.run(*store).ok());
    states.push_back(*Read(*store));
  }
  return states;
}

struct Run {
  bool is_open = false;  // The store was opened at all.
  size_t acknowledged = 0;
  bool is_whole = false;
};

// Until the first step that is not acknowledged.
Run RunCourse(const TempDir& dir, const FaultVfs& vfs) {
  Run run;
  auto store = OpenStore(dir, vfs);
  if (!store.ok()) return run;
  run.is_open = true;
  for (const Step& step : Course()) {
    if (step.before == Step::Before::kReopen) {
      *store = nullptr;
      store = OpenStore(dir, vfs);
      if (!store.ok()) return run;
    }
    if (step.before == Step::Before::kCheckpoint) Checkpoint(dir, vfs);
    if (!step.run(**store).ok()) return run;
    ++run.acknowledged;
  }
  run.is_whole = true;
  return run;
}

// What is wrong with the store after a power cut; empty if nothing is.
std::string Verdict(const TempDir& dir, const FaultVfs& vfs, const Run& run,
                    const std::vector<std::string>& states) {
  auto store = OpenStore(dir, vfs);
  if (!store.ok()) return std::string(store.status().message());
  const absl::StatusOr<std::string> found = Read(**store);
  if (!found.ok()) return std::string(found.status().message());
  const bool is_old = *found == states[run.acknowledged];
  const bool is_new =
      run.acknowledged + 1 < states.size() && *found == states[run.acknowledged + 1];
  if (!is_old && !is_new) {
    return absl::StrCat("after ", run.acknowledged, " acknowledged steps: ", *found);
  }
  const absl::Status next = CommitWriter(**store).Commit({{"later", "1"}});
  return next.ok() ? "" : absl::StrCat("cannot be written any more: ", next.message());
}

struct Trial {
  FaultVfs::Loss loss;
  // See FaultVfs::IgnoreSyncsOf. Such a trial ends with its first failure.
  std::optional<std::string> ignored_suffix = std::nullopt;
};

// One line for each power cut after which something is wrong.
std::vector<std::string> CutPowerEverywhere(const Trial& trial) {
  const std::vector<std::string> states = States();
  std::vector<std::string> failures;
  for (uint64_t n = 0;; ++n) {
    TempDir dir;
    FaultVfs vfs("power-loss");
    if (trial.ignored_suffix.has_value()) vfs.IgnoreSyncsOf(*trial.ignored_suffix);
    vfs.CutPowerAt(n);
    const Run run = RunCourse(dir, vfs);
    const bool was_untouched = vfs.operations() <= n;
    vfs.RestorePower(trial.loss, static_cast<uint32_t>(n));
    const std::string verdict = Verdict(dir, vfs, run, states);
    if (!verdict.empty()) failures.push_back(absl::StrCat("cut at ", n, ": ", verdict));
    if (!failures.empty() && trial.ignored_suffix.has_value()) return failures;
    if (was_untouched) {
      EXPECT_TRUE(run.is_whole);
      EXPECT_GT(n, 100u) << "the course does too little to prove anything";
      return failures;
    }
  }
}

TEST(PowerLossTest, WhatWasAcknowledgedOutlivesTheLossOfAllUnsyncedWrites) {
  EXPECT_THAT(CutPowerEverywhere({FaultVfs::Loss::kUnsynced}), IsEmpty());
}

TEST(PowerLossTest, WhatWasAcknowledgedOutlivesTheLossOfAnyUnsyncedSectors) {
  EXPECT_THAT(CutPowerEverywhere({FaultVfs::Loss::kSome}), IsEmpty());
}

TEST(PowerLossTest, WhatWasAcknowledgedOutlivesAKill) {
  EXPECT_THAT(CutPowerEverywhere({FaultVfs::Loss::kNothing}), IsEmpty());
}

TEST(PowerLossTest, WithoutSynchronisationCommitsAreLost) {
  EXPECT_THAT(CutPowerEverywhere({FaultVfs::Loss::kUnsynced, ""}), Not(IsEmpty()));
  EXPECT_THAT(CutPowerEverywhere({FaultVfs::Loss::kSome, ""}), Not(IsEmpty()));
}

TEST(PowerLossTest, WithoutSynchronisationOfTheLogCommitsAreLost) {
  EXPECT_THAT(CutPowerEverywhere({FaultVfs::Loss::kUnsynced, "-wal"}), Not(IsEmpty()));
}

TEST(PowerLossTest, AKillCannotTellWhetherAnythingWasSynchronised) {
  EXPECT_THAT(CutPowerEverywhere({FaultVfs::Loss::kNothing, ""}), IsEmpty());
}

// A failure that passes -------------------------------------------------------------------------

// Runs the course; a step that fails must have changed nothing, and work when it is tried again.
// Returns the codes of the failures.
std::vector<absl::StatusCode> RunWithOneFailure(const TempDir& dir, FaultVfs& vfs,
                                                const std::vector<std::string>& states) {
  std::vector<absl::StatusCode> codes;
  auto store = OpenStore(dir, vfs);
  const auto reopen = [&] {
    if (store.ok()) *store = nullptr;
    store = OpenStore(dir, vfs);
    if (store.ok()) return;
    codes.push_back(store.status().code());
    store = OpenStore(dir, vfs);
  };
  if (!store.ok()) reopen();
  size_t done = 0;
  for (const Step& step : Course()) {
    if (step.before == Step::Before::kReopen) reopen();
    if (step.before == Step::Before::kCheckpoint) Checkpoint(dir, vfs);
    absl::Status status = step.run(**store);
    if (!status.ok()) {
      codes.push_back(status.code());
      EXPECT_EQ(*Read(**store), states[done]);
      status = step.run(**store);
    }
    EXPECT_TRUE(status.ok()) << status;
    ++done;
    EXPECT_EQ(*Read(**store), states[done]);
  }
  return codes;
}

std::vector<absl::StatusCode> FailEverywhere(int code) {
  const std::vector<std::string> states = States();
  std::vector<absl::StatusCode> codes;
  for (uint64_t n = 0;; ++n) {
    TempDir dir;
    FaultVfs vfs("one-failure");
    vfs.FailOnce(n, code);
    const auto seen = RunWithOneFailure(dir, vfs, states);
    codes.insert(codes.end(), seen.begin(), seen.end());
    if (vfs.operations() <= n || ::testing::Test::HasFailure()) return codes;
  }
}

TEST(DiskFailureTest, AFullDiskRefusesTheCommitAndHarmsNothing) {
  EXPECT_THAT(
      FailEverywhere(SQLITE_FULL),
      ::testing::AllOf(Not(IsEmpty()), ::testing::Each(absl::StatusCode::kResourceExhausted)));
}

TEST(DiskFailureTest, AFailedWriteRefusesTheCommitAndHarmsNothing) {
  EXPECT_THAT(FailEverywhere(SQLITE_IOERR_WRITE),
              ::testing::AllOf(Not(IsEmpty()), ::testing::Each(absl::StatusCode::kUnavailable)));
}

}  // namespace
}  // namespace sluice::store
