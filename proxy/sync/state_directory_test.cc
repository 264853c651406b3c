#include "proxy/sync/state_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "proxy/sync/testing/views.h"

namespace sluice::sync {
namespace {

using ::testing::HasSubstr;

TEST(StateDirectoryTest, IsMadeWhereItIsMissing) {
  const TestDirectory base;
  EXPECT_TRUE(StateDirectory::Open(base.path() + "/a/b").ok());
  EXPECT_EQ(access((base.path() + "/a/b/lock").c_str(), F_OK), 0);
}

TEST(StateDirectoryTest, ASecondUserIsToldWhoHasIt) {
  const TestDirectory base;
  auto first = StateDirectory::Open(base.path());
  ASSERT_TRUE(first.ok());
  const absl::Status second = StateDirectory::Open(base.path()).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()),
              HasSubstr(": in use by pid " + std::to_string(getpid())));
  first->reset();
  EXPECT_TRUE(StateDirectory::Open(base.path()).ok());
}

TEST(StateDirectoryTest, TheLockIsNotFreeAsLongAsASuccessorHasIt) {
  const TestDirectory base;
  auto first = StateDirectory::Open(base.path());
  ASSERT_TRUE(first.ok());
  auto successor = StateDirectory::Inherit(base.path(), dup((*first)->lock_fd()));
  ASSERT_TRUE(successor.ok()) << successor.status();
  first->reset();
  EXPECT_FALSE(StateDirectory::Open(base.path()).ok());
  successor->reset();
  EXPECT_TRUE(StateDirectory::Open(base.path()).ok());
}

TEST(StateDirectoryTest, TheLockOfAnotherDirectoryIsRefused) {
  const TestDirectory base;
  const auto one = StateDirectory::Open(base.path() + "/one");
  const auto other = StateDirectory::Open(base.path() + "/other");
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ(StateDirectory::Inherit(base.path() + "/one", dup((*other)->lock_fd())).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(StateDirectoryTest, APathThatIsNoDirectoryIsNamed) {
  const TestDirectory base;
  base.Write("file", "x");
  const absl::Status status = StateDirectory::Open(base.path() + "/file").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr(base.path() + "/file"));
}

TEST(StateDirectoryTest, RoomIsJudgedByTheFileSystem) {
  const TestDirectory base;
  auto state = StateDirectory::Open(base.path());
  ASSERT_TRUE(state.ok());
  EXPECT_TRUE((*state)->HasRoomFor(1));
  EXPECT_FALSE((*state)->HasRoomFor(uint64_t{1} << 60));
}

TEST(StateDirectoryTest, ASocketIsTheOwnersAloneAndReplacesTheOneBefore) {
  const TestDirectory dir;
  const auto open = StateDirectory::Open(dir.path());
  ASSERT_TRUE(open.ok());
  const auto first = (*open)->ListenOn("s", SOCK_STREAM);
  const auto second = (*open)->ListenOn("s", SOCK_STREAM);
  ASSERT_TRUE(first.ok() && second.ok()) << second.status();
  struct stat file;
  ASSERT_EQ(stat((dir.path() + "/s").c_str(), &file), 0);
  EXPECT_TRUE(S_ISSOCK(file.st_mode));
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  close(*first);
  close(*second);
}

}  // namespace
}  // namespace sluice::sync
