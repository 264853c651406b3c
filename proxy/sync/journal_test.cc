#include "proxy/sync/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "api/resource/digest.h"
#include "proxy/sync/testing/views.h"

namespace sluice::sync {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// A journal beside the view that it keeps, as the keeper has them.
class JournalTest : public ::testing::Test {
 protected:
  JournalTest() { Reopen(); }

  // Reads the disk as a new process does.
  void Reopen(const std::string& unwanted = "") {
    journal_.reset();
    state_.reset();
    absl::StatusOr<std::unique_ptr<StateDirectory>> state = StateDirectory::Open(directory_.path());
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *std::move(state);
    journal_ = std::make_unique<Journal>(*state_);
    view_ = HeldView();
    loaded_.clear();
    absl::StatusOr<std::optional<Journal::Content>> content = journal_->Load(unwanted);
    ASSERT_TRUE(content.ok()) << content.status();
    if (!content->has_value()) return;
    loaded_at_ = (*content)->change.committed_at;
    for (const ViewChange::Upsert& upsert : (*content)->change.upserts) {
      loaded_[upsert.key.name] = upsert.bytes;
      EXPECT_EQ(upsert.digest, resource::Digest(upsert.key, upsert.bytes));
    }
    for (const RegisteredEndpoint& endpoint : (*content)->change.endpoint_upserts) {
      loaded_[endpoint.upstream + " " + endpoint.owner + " " + endpoint.address] =
          std::to_string(endpoint.traits.weight) + endpoint.traits.zone;
    }
    for (const TicketKeys& tickets : (*content)->change.ticket_upserts) {
      loaded_["tickets " + tickets.listener] = tickets.keys;
    }
    absl::StatusOr<resource::ViewHash> hash = view_.Reduce((*content)->change, true);
    ASSERT_TRUE(hash.ok());
    EXPECT_EQ(hash->Hash(), (*content)->change.generation.view_hash);
    view_.Adopt((*content)->change, *hash, (*content)->locations);
  }

  absl::Status Append(ViewChange change) {
    absl::StatusOr<resource::ViewHash> hash = view_.Reduce(change, false);
    if (!hash.ok()) return hash.status();
    absl::StatusOr<HeldView::Locations> locations = journal_->Append(change, view_);
    if (!locations.ok()) return locations.status();
    view_.Adopt(change, *hash, *locations);
    return absl::OkStatus();
  }

  uint64_t number() const { return journal_->generation()->number; }

  TestDirectory directory_;
  TestView test_view_;
  std::unique_ptr<StateDirectory> state_;
  std::unique_ptr<Journal> journal_;
  HeldView view_;
  std::map<std::string, std::string> loaded_;
  absl::Time loaded_at_;
};

TEST_F(JournalTest, AnEmptyDirectoryHoldsNothing) {
  EXPECT_EQ(journal_->generation(), std::nullopt);
  EXPECT_THAT(loaded_, IsEmpty());
}

TEST_F(JournalTest, WhatWasAppendedIsThereAfterARestart) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1"), TestRoute("b", "2")}, {},
                                      {{"up", "owner", "10.0.0.1:80", 7}}))
                  .ok());
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("b", "3"), TestRoute("c", "4")},
                                      {TestRouteKey("a")}, {}, {}))
                  .ok());
  Reopen();
  EXPECT_EQ(journal_->generation(), test_view_.generation);
  EXPECT_EQ(view_.generation(), test_view_.generation);
  EXPECT_EQ(loaded_at_, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_THAT(loaded_,
              ElementsAre(Pair("b", "3"), Pair("c", "4"), Pair("up owner 10.0.0.1:80", "7")));
}

TEST_F(JournalTest, AStepThatChangesOnlyTheNumberIsKept) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1")})).ok());
  ASSERT_TRUE(Append(test_view_.Renumber()).ok());
  Reopen();
  EXPECT_EQ(number(), 2);
  EXPECT_THAT(loaded_, ElementsAre(Pair("a", "1")));
}

TEST_F(JournalTest, AnEmptyViewIsAViewToo) {
  ASSERT_TRUE(Append(test_view_.Apply({})).ok());
  Reopen();
  EXPECT_EQ(number(), 1);
  EXPECT_THAT(loaded_, IsEmpty());
}

// The hexadecimal lines of the document, as bytes.
std::string DocumentedBytes() {
  std::ifstream document("docs/decisions/journal.md");
  std::string bytes;
  for (std::string line; std::getline(document, line);) {
    if (line.rfind("    00", 0) != 0) continue;
    std::istringstream text(line.substr(8));
    for (std::string byte; text >> byte;) {
      bytes.push_back(static_cast<char>(std::stoi(byte, nullptr, 16)));
    }
  }
  return bytes;
}

TEST_F(JournalTest, TheFileIsByteForByteWhatTheDocumentShows) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "hi")})).ok());
  ASSERT_TRUE(Append(test_view_.Renumber()).ok());
  EXPECT_EQ(resource::ToHex(directory_.Read("journal")), resource::ToHex(DocumentedBytes()));
}

TEST_F(JournalTest, TicketKeysAreThereAfterARestart) {
  const std::string old_keys(48, 'a');
  const std::string new_keys(96, 'b');
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1")})).ok());
  ASSERT_TRUE(Append(test_view_.Give({"web", old_keys})).ok());
  ASSERT_TRUE(Append(test_view_.Give({"web", new_keys})).ok());
  Reopen();
  EXPECT_THAT(loaded_,
              ::testing::UnorderedElementsAre(Pair("a", "1"), Pair("tickets web", new_keys)));
  ASSERT_TRUE(journal_->Compact(view_).ok());
  Reopen();
  EXPECT_EQ(loaded_["tickets web"], new_keys);
  ASSERT_TRUE(Append(test_view_.TakeBack("web")).ok());
  Reopen();
  EXPECT_THAT(loaded_, ElementsAre(Pair("a", "1")));
}

TEST_F(JournalTest, FilesAreForTheOwnerOnly) {
  for (const char* name : {"journal", "lock"}) {
    struct stat file;
    ASSERT_EQ(stat((directory_.path() + "/" + name).c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0600) << name;
  }
}

// --- One generation back.

TEST_F(JournalTest, AnUnwantedGenerationGivesWayToTheOneBefore) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1"), TestRoute("b", "2")})).ok());
  ASSERT_TRUE(
      Append(test_view_.Apply({TestRoute("a", "x"), TestRoute("c", "3")}, {TestRouteKey("b")}))
          .ok());
  const std::string bad = test_view_.generation.view_hash;
  Reopen(bad);
  EXPECT_EQ(number(), 1);
  EXPECT_THAT(loaded_, ElementsAre(Pair("a", "1"), Pair("b", "2")));
  Reopen();
  EXPECT_EQ(number(), 1);
}

TEST_F(JournalTest, ANumberDoesNotCountAsAGenerationToGoBackTo) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1")})).ok());
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "2")})).ok());
  ASSERT_TRUE(Append(test_view_.Renumber()).ok());
  Reopen(test_view_.generation.view_hash);
  EXPECT_EQ(number(), 1);
  EXPECT_THAT(loaded_, ElementsAre(Pair("a", "1")));
}

TEST_F(JournalTest, WithNoneBeforeTheUnwantedOneStays) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1")})).ok());
  Reopen(test_view_.generation.view_hash);
  EXPECT_THAT(loaded_, ElementsAre(Pair("a", "1")));
}

TEST_F(JournalTest, AppendingGoesOnAfterAStepBack) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1")})).ok());
  TestView other = test_view_;
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "2")})).ok());
  Reopen(test_view_.generation.view_hash);
  ASSERT_TRUE(Append(other.Apply({TestRoute("b", "3")})).ok());
  Reopen();
  EXPECT_THAT(loaded_, ElementsAre(Pair("a", "1"), Pair("b", "3")));
}

// --- Damage.

TEST_F(JournalTest, ATailTornAnywhereCostsOnlyTheTornStep) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1")})).ok());
  const size_t whole = directory_.Read("journal").size();
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "2"), TestRoute("b", "3")})).ok());
  const std::string bytes = directory_.Read("journal");
  for (size_t size = whole; size < bytes.size(); size += 3) {
    directory_.Write("journal", bytes.substr(0, size));
    Reopen();
    ASSERT_EQ(number(), 1) << size;
    ASSERT_THAT(loaded_, ElementsAre(Pair("a", "1"))) << size;
    ASSERT_EQ(directory_.Read("journal").size(), whole) << size;
  }
}

TEST_F(JournalTest, AChangedBitCostsTheStepsFromItOn) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1")})).ok());
  const size_t first = directory_.Read("journal").size();
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "2")})).ok());
  const size_t second = directory_.Read("journal").size();
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "3")})).ok());
  const std::string bytes = directory_.Read("journal");
  for (size_t at = 0; at < bytes.size(); at += 5) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    directory_.Write("journal", damaged);
    Reopen();
    const uint64_t expected = at < first ? 0 : at < second ? 1 : 2;
    ASSERT_EQ(journal_->generation().has_value() ? number() : 0, expected) << at;
  }
}

TEST_F(JournalTest, AFileOfSomethingElseIsSetAside) {
  directory_.Write("journal", "SLUICEJ9 of a later build");
  Reopen();
  EXPECT_EQ(journal_->generation(), std::nullopt);
  EXPECT_EQ(directory_.Read("journal.damaged"), "SLUICEJ9 of a later build");
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1")})).ok());
  Reopen();
  EXPECT_EQ(number(), 1);
}

// No more than `bytes` may be written to a file while it lives: a full disk.
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

TEST_F(JournalTest, AFullDiskLeavesTheLastWholeStepAndARewriteMendsIt) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "1")})).ok());
  {
    const FileSizeLimit full(journal_->bytes() + 100);
    EXPECT_FALSE(Append(test_view_.Apply({TestRoute("b", std::string(500, 'x'))})).ok());
  }
  EXPECT_TRUE(journal_->is_behind());
  EXPECT_EQ(number(), 1);
  EXPECT_FALSE(Append(test_view_.Apply({TestRoute("c", "3")})).ok());

  TestView whole;
  ViewChange full = whole.Apply({TestRoute("a", "1"), TestRoute("c", "3")});
  ASSERT_TRUE(journal_->Rewrite(full).ok());
  EXPECT_FALSE(journal_->is_behind());
  Reopen();
  EXPECT_THAT(loaded_, ElementsAre(Pair("a", "1"), Pair("c", "3")));
}

// --- Compaction.

TEST_F(JournalTest, CompactionKeepsTheViewAndTheOneBefore) {
  ASSERT_TRUE(
      Append(test_view_.Apply({TestRoute("a", "1"), TestRoute("b", "1"), TestRoute("gone", "1")},
                              {}, {{"up", "owner", "10.0.0.1:80", 7}}))
          .ok());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Append(test_view_.Apply(
                           {TestRoute("a", std::string(5000, static_cast<char>('a' + i % 26)))}))
                    .ok());
  }
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", "last"), TestRoute("new", "2")},
                                      {TestRouteKey("gone")}))
                  .ok());
  ASSERT_TRUE(Append(test_view_.Renumber()).ok());
  ASSERT_TRUE(journal_->needs_compaction());
  ASSERT_TRUE(journal_->Compact(view_).ok());
  EXPECT_FALSE(journal_->needs_compaction());
  EXPECT_LT(directory_.Read("journal").size(), 6500);
  ASSERT_TRUE(Append(test_view_.Renumber()).ok());
  const std::string bytes = directory_.Read("journal");

  Reopen();
  EXPECT_EQ(number(), 104);
  EXPECT_THAT(loaded_, ElementsAre(Pair("a", "last"), Pair("b", "1"), Pair("new", "2"),
                                   Pair("up owner 10.0.0.1:80", "7")));
  Reopen(test_view_.generation.view_hash);
  EXPECT_EQ(number(), 101);
  EXPECT_THAT(loaded_, ElementsAre(Pair("a", std::string(5000, 'v')), Pair("b", "1"),
                                   Pair("gone", "1"), Pair("up owner 10.0.0.1:80", "7")));
}

TEST_F(JournalTest, StepsAfterACompactionAreKept) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(
          Append(test_view_.Apply({TestRoute("r" + std::to_string(i),
                                             std::string(3000, static_cast<char>('a' + round)))}))
              .ok());
      if (journal_->needs_compaction()) {
        ASSERT_TRUE(journal_->Compact(view_).ok());
      }
    }
  }
  EXPECT_LT(journal_->bytes(), 50 * 3000 * 3 / 2);
  Reopen();
  EXPECT_EQ(loaded_.size(), 50);
  for (const auto& [name, bytes] : loaded_) EXPECT_EQ(bytes, std::string(3000, 'c')) << name;
}

TEST_F(JournalTest, CompactionThatFindsADamagedRecordAsksForEverythingAnew) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", std::string(100, 'q'))})).ok());
  std::string bytes = directory_.Read("journal");
  bytes[bytes.find("qqqq")] = 'Q';
  directory_.Write("journal", bytes);
  EXPECT_FALSE(journal_->Compact(view_).ok());
  EXPECT_TRUE(journal_->is_behind());
}

TEST_F(JournalTest, ACompactionWithoutRoomLeavesTheOldFile) {
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("a", std::string(50000, 'q'))})).ok());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(
        Append(test_view_.Apply({TestRoute("b", std::string(50000, static_cast<char>('a' + i)))}))
            .ok());
  }
  {
    const FileSizeLimit full(40000);
    EXPECT_FALSE(journal_->Compact(view_).ok());
  }
  EXPECT_FALSE(journal_->is_behind());
  EXPECT_FALSE(journal_->needs_compaction());  // Not again before the file has grown.
  ASSERT_TRUE(Append(test_view_.Apply({TestRoute("c", "3")})).ok());
  Reopen();
  EXPECT_EQ(loaded_.size(), 3);
}

}  // namespace
}  // namespace sluice::sync
