#include "controlplane/store/sqlite/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "controlplane/seal/sealer.h"
#include "controlplane/store/sqlite/schema.h"
#include "controlplane/store/testing/commit_writer.h"
#include "controlplane/store/testing/store_contract.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

// All bytes of all files in the directory.
std::string FilesOf(const std::string& dir) {
  std::string all;
  for (const auto& file : std::filesystem::directory_iterator(dir)) {
    std::ifstream in(file.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(in), {});
  }
  return all;
}

void WriteKeys(const std::string& path, const std::vector<char>& digits) {
  std::ofstream out(path);
  for (const char digit : digits) out << std::string(64, digit) << "\n";
  out.close();
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
}

// What AddEndpointTraits of schema.cc has added.
constexpr char kDropTraits[] =
    "ALTER TABLE endpoint DROP COLUMN traits;"
    "ALTER TABLE endpoint_change DROP COLUMN before_traits;"
    "ALTER TABLE endpoint_change DROP COLUMN after_traits;";

// Takes a database back to before anything was sealed, as a build of then would have left it.
void MakeUnsealed(const std::string& dir, const std::string& secret) {
  auto db = OpenFile(dir);
  const std::string digest = resource::Digest({resource::Kind::kRoute, "", "a"}, secret);
  Query blob(*db, "INSERT INTO blob VALUES (?, ?)", Blob{digest}, Blob{secret});
  ASSERT_TRUE(blob.Run().ok());
  Query row(*db, "INSERT INTO resource VALUES ('Route', '', 'a', ?, 1)", Blob{digest});
  ASSERT_TRUE(row.Run().ok());
  ASSERT_TRUE(db->Execute(kDropTraits).ok());
  ASSERT_TRUE(db->Execute("DROP TABLE seal; DROP TABLE ticket_keys; PRAGMA user_version = 2").ok());
}

constexpr char kSecret[] = "-----BEGIN PRIVATE KEY-----";

TEST(SealTest, NothingOfAResourceIsInAnyFileWhileTheStoreIsOpenOrAfter) {
  TempDir dir;
  {
    auto store = *SqliteStore::Open(dir.path(), {});
    CommitWriter writer(*store);
    ASSERT_TRUE(writer.Commit({{"a", kSecret}}).ok());
    ASSERT_TRUE(writer.Commit({{"a", "other"}}).ok());
    ASSERT_TRUE(writer.SetTickets(kSecret).ok());
    ASSERT_TRUE(writer.SetTickets("other").ok());
    ASSERT_TRUE(writer.SetTickets(kSecret).ok());
    EXPECT_THAT(FilesOf(dir.path()), Not(HasSubstr(kSecret)));
    // The history opens it all the same.
    EXPECT_EQ(store->Changes(1, 2)->resources[0].before->bytes, kSecret);
  }
  EXPECT_THAT(FilesOf(dir.path()), Not(HasSubstr(kSecret)));
}

TEST(SealTest, WhatAnOlderBuildHasLeftIsSealedAndLeavesNoTrace) {
  TempDir dir;
  ASSERT_TRUE(SqliteStore::Open(dir.path(), {}).ok());
  MakeUnsealed(dir.path(), kSecret);
  auto store = *SqliteStore::Open(dir.path(), {});
  EXPECT_EQ(store->Load()->resources[0]->bytes, kSecret);
  // But for the copy from which one can go back; the log says so.
  const std::string copy = dir.path() + "/sluice.db.schema-2";
  EXPECT_TRUE(std::filesystem::remove(copy));
  EXPECT_THAT(FilesOf(dir.path()), Not(HasSubstr(kSecret)));
}

TEST(SealTest, ACopyBeforeAMigrationIsSealedToo) {
  TempDir dir;
  {
    auto store = *SqliteStore::Open(dir.path(), {});
    ASSERT_TRUE(CommitWriter(*store).Commit({{"a", kSecret}}).ok());
  }
  std::vector<Migration> migrations = Migrations();
  migrations.push_back([](Database& db) { return db.Execute("ALTER TABLE blob ADD COLUMN x"); });
  ASSERT_TRUE(Migrate(*OpenFile(dir.path()), dir.path() + "/sluice.db", migrations).ok());
  EXPECT_THAT(FilesOf(dir.path()), Not(HasSubstr(kSecret)));
}

TEST(SealTest, ANewKeyInFrontSealsEverythingAndTheOldOneMayGo) {
  TempDir dir;
  const std::string keys = dir.path() + ".seal-key";
  WriteKeys(keys, {'1'});
  {
    auto store = *SqliteStore::Open(dir.path(), {});
    CommitWriter writer(*store);
    ASSERT_TRUE(writer.Commit({{"a", "1"}}).ok());
    ASSERT_TRUE(writer.Commit({{"a", "2"}}).ok());
    ASSERT_TRUE(writer.SetTickets("3").ok());
  }
  std::filesystem::remove(keys);
  WriteKeys(keys, {'2', '1'});
  ASSERT_TRUE(SqliteStore::Open(dir.path(), {}).ok());
  std::filesystem::remove(keys);
  WriteKeys(keys, {'2'});
  auto store = *SqliteStore::Open(dir.path(), {});
  EXPECT_EQ(store->Load()->resources[0]->bytes, "2");
  EXPECT_EQ(store->Changes(1, 2)->resources[0].before->bytes, "1");
  EXPECT_EQ(store->Load()->tickets->bytes, "3");
}

// Of the key that WriteKeys() makes of a digit.
std::string NameOfKey(char digit) {
  return seal::KeyName(absl::HexStringToBytes(std::string(64, digit)));
}

std::string WhyNotOpen(const TempDir& dir) {
  return std::string(SqliteStore::Open(dir.path(), {}).status().message());
}

TEST(SealTest, ADataDirectoryWithoutItsKeySaysWhichItNeedsAndMakesNone) {
  TempDir dir;
  const std::string keys = dir.path() + ".seal-key";
  WriteKeys(keys, {'1'});
  ASSERT_TRUE(SqliteStore::Open(dir.path(), {}).ok());
  ASSERT_TRUE(std::filesystem::remove(keys));
  EXPECT_EQ(
      WhyNotOpen(dir),
      absl::StrCat("seal key file ", keys,
                   ": No such file or directory: what is stored is sealed with the key ",
                   NameOfKey('1'), "; put its file back, or say with --seal-key-file where it is"));
  EXPECT_FALSE(std::filesystem::exists(keys));
}

TEST(SealTest, ADataDirectoryWithAnothersKeySaysWhichItNeedsAndWhichItGot) {
  TempDir dir;
  const std::string keys = dir.path() + ".seal-key";
  WriteKeys(keys, {'1'});
  ASSERT_TRUE(SqliteStore::Open(dir.path(), {}).ok());
  std::filesystem::remove(keys);
  WriteKeys(keys, {'3', '4'});
  EXPECT_EQ(
      WhyNotOpen(dir),
      absl::StrCat("seal key file ", keys,
                   ": does not open what is stored: it is sealed with the key ", NameOfKey('1'),
                   ", and there is only ", NameOfKey('3'), ", ", NameOfKey('4'),
                   "; add the line of that key behind what is there, or say with "
                   "--seal-key-file where it is"));
}

TEST(SealTest, ADataDirectoryWhoseProofIsDamagedSaysSo) {
  TempDir dir;
  const std::string keys = dir.path() + ".seal-key";
  WriteKeys(keys, {'1'});
  ASSERT_TRUE(SqliteStore::Open(dir.path(), {}).ok());
  {
    auto db = OpenFile(dir.path());
    std::string proof;
    {
      Query row(*db, "SELECT proof FROM seal");
      ASSERT_TRUE(row.Next());
      proof = row.Text(0);
    }
    proof.back() ^= 1;
    Query write(*db, "UPDATE seal SET proof = ?", Blob{proof});
    ASSERT_TRUE(write.Run().ok());
  }
  EXPECT_THAT(WhyNotOpen(dir), HasSubstr("the data directory is damaged: restore a copy of it"));
}

TEST(SealTest, ACopyFromBeforeTheKeyWasChangedOpensWithTheOldKeyBehindTheNew) {
  TempDir dir;
  TempDir copy;
  const std::string keys = dir.path() + ".seal-key";
  const std::string keys_of_copy = copy.path() + ".seal-key";
  WriteKeys(keys, {'1'});
  ASSERT_TRUE(CommitWriter(**SqliteStore::Open(dir.path(), {})).Commit({{"a", "1"}}).ok());
  std::filesystem::copy(dir.path(), copy.path());
  WriteKeys(keys_of_copy, {'2'});
  EXPECT_THAT(WhyNotOpen(copy), HasSubstr("sealed with the key " + NameOfKey('1')));
  std::filesystem::remove(keys_of_copy);
  WriteKeys(keys_of_copy, {'2', '1'});
  EXPECT_EQ((*SqliteStore::Open(copy.path(), {}))->Load()->resources[0]->bytes, "1");
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

TEST(MigrateTest, EndpointsOfAnOlderBuildHaveTheirWeights) {
  TempDir dir;
  ASSERT_TRUE(CommitWriter(**SqliteStore::Open(dir.path(), {})).Register({{"x:1", 7}}).ok());
  ASSERT_TRUE(OpenFile(dir.path())->Execute(kDropTraits).ok());
  ASSERT_TRUE(OpenFile(dir.path())->Execute("PRAGMA user_version = 4").ok());
  const auto store = *SqliteStore::Open(dir.path(), {});
  EXPECT_EQ(store->Load()->endpoints.at(0)->traits, resource::EndpointTraits{.weight = 7});
  EXPECT_EQ(store->Changes(0, 1)->endpoints->at(0).after->traits,
            resource::EndpointTraits{.weight = 7});
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
