#include "controlplane/store/sqlite/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "controlplane/store/sqlite/schema.h"
#include "controlplane/store/testing/commit_writer.h"
#include "controlplane/store/testing/store_contract.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::store {
namespace {

using ::testing::HasSubstr;

class SqliteUnderTest final : public StoreUnderTest {
 public:
  explicit SqliteUnderTest(uint64_t history_keep) { options_.history_keep = history_keep; }
  Store& store() override {
    if (store_ == nullptr) store_ = *SqliteStore::Open(dir_.path(), options_);
    return *store_;
  }
  void Reopen() override { store_ = nullptr; }

 private:
  TempDir dir_;
  SqliteStore::Options options_;
  std::unique_ptr<SqliteStore> store_;
};

std::unique_ptr<StoreUnderTest> MakeSqlite(uint64_t history_keep) {
  return std::make_unique<SqliteUnderTest>(history_keep);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, ::testing::Values(&MakeSqlite));

std::unique_ptr<Database> OpenFile(const std::string& dir) {
  return *Database::Open(dir + "/sluice.db", "");
}

int64_t One(Database& db, const char* sql) {
  Query row(db, sql);
  return row.Next() ? row.Int(0) : -1;
}

TEST(SqliteStoreTest, ADirectoryInUseIsRefusedWithThePidOfItsUser) {
  TempDir dir;
  const auto first = SqliteStore::Open(dir.path(), {});
  ASSERT_TRUE(first.ok());
  const absl::Status second = SqliteStore::Open(dir.path(), {}).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr(absl::StrCat("in use by pid ", getpid())));
}

TEST(SqliteStoreTest, TheDirectoryIsMadeForItsOwnerOnly) {
  TempDir dir;
  const std::string path = dir.path() + "/a/b";
  ASSERT_TRUE(SqliteStore::Open(path, {}).ok());
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
}

TEST(SqliteStoreTest, WhatANewerBuildHasWrittenIsRefusedAndNotTouched) {
  TempDir dir;
  ASSERT_TRUE(SqliteStore::Open(dir.path(), {}).ok());
  ASSERT_TRUE(OpenFile(dir.path())->Execute("PRAGMA user_version = 99").ok());
  const absl::Status status = SqliteStore::Open(dir.path(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer sluice-controlplane (schema 99"));
}

TEST(SqliteStoreTest, AFileThatIsNoDatabaseIsDataLoss) {
  TempDir dir;
  std::ofstream(dir.path() + "/sluice.db") << std::string(5000, 'x');
  EXPECT_EQ(SqliteStore::Open(dir.path(), {}).status().code(), absl::StatusCode::kDataLoss);
}

TEST(SqliteStoreTest, DamagedBytesAreNotLoaded) {
  TempDir dir;
  {
    auto store = *SqliteStore::Open(dir.path(), {});
    ASSERT_TRUE(CommitWriter(*store).Commit({{"a", "1"}}).ok());
  }
  ASSERT_TRUE(OpenFile(dir.path())->Execute("UPDATE blob SET bytes = 'other'").ok());
  auto store = *SqliteStore::Open(dir.path(), {});
  EXPECT_EQ(store->Load().status().code(), absl::StatusCode::kDataLoss);
}

TEST(SqliteStoreTest, TrimmingLeavesNoBlobThatNothingHolds) {
  TempDir dir;
  {
    SqliteStore::Options options;
    options.history_keep = 2;
    auto store = *SqliteStore::Open(dir.path(), options);
    CommitWriter writer(*store);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(writer.Commit({{"a", absl::StrCat(i)}}).ok());
  }
  auto db = OpenFile(dir.path());
  EXPECT_EQ(One(*db, "SELECT count(*) FROM blob"), 3);  // The present and before of two commits.
  EXPECT_EQ(One(*db, "SELECT count(*) FROM change"), 2);
}

TEST(MigrateTest, CopiesTheDatabaseBeforeItTakesAStep) {
  TempDir dir;
  ASSERT_TRUE(SqliteStore::Open(dir.path(), {}).ok());
  const std::string path = dir.path() + "/sluice.db";
  std::vector<Migration> migrations = Migrations();
  const size_t version = migrations.size();
  migrations.push_back([](Database& db) { return db.Execute("ALTER TABLE blob ADD COLUMN x"); });
  ASSERT_TRUE(Migrate(*OpenFile(dir.path()), path, migrations).ok());
  EXPECT_EQ(One(*OpenFile(dir.path()), "PRAGMA user_version"), static_cast<int64_t>(version + 1));

  // The copy, put in its place, is the database as it was.
  std::filesystem::rename(absl::StrCat(path, ".schema-", version), path);
  EXPECT_TRUE(SqliteStore::Open(dir.path(), {}).ok());
}

TEST(MigrateTest, AStepThatFailsLeavesTheDatabaseAsItWas) {
  TempDir dir;
  ASSERT_TRUE(SqliteStore::Open(dir.path(), {}).ok());
  std::vector<Migration> migrations = Migrations();
  const size_t version = migrations.size();
  migrations.push_back([](Database& db) {
    EXPECT_TRUE(db.Execute("DROP TABLE blob").ok());
    return absl::UnavailableError("the lights went out");
  });
  auto db = OpenFile(dir.path());
  EXPECT_FALSE(Migrate(*db, dir.path() + "/sluice.db", migrations).ok());
  EXPECT_EQ(One(*db, "PRAGMA user_version"), static_cast<int64_t>(version));
  EXPECT_EQ(One(*db, "SELECT count(*) FROM blob"), 0);
}

}  // namespace
}  // namespace sluice::store
