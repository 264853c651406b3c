// What a keeper does when the disk is full, and when another process writes there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <string>
#include <utility>

#include "base/version.h"
#include "proxy/sync/testing/keeper_fixture.h"

namespace sluice::sync {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

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
