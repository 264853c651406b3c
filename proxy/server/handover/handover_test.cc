// Both sides of a handover, over a real socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "proxy/server/handover/inheritance.h"
#include "proxy/server/handover/predecessor.h"
#include "proxy/server/handover/successor.h"

namespace sluice::server::handover {
namespace {

using ::testing::HasSubstr;

net::Fd Listening() { return *net::Listen(*net::Address::Parse("127.0.0.1:0"), 16); }

// A packet socket that listens under a name of this process, and one that is connected to it.
sockaddr_un Name() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "sluice-handover-test-" + std::to_string(getpid());
  name.copy(address.sun_path + 1, name.size());
  return address;
}

net::Fd ListenForSuccessors() {
  net::Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_un name = Name();
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
  EXPECT_EQ(listen(fd.get(), 16), 0);
  return fd;
}

net::Fd ConnectToPredecessor() {
  net::Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un name = Name();
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
  return fd;
}

// The process that is succeeded; what it says and hears is on the test's thread.
class HandoverTest : public ::testing::Test, public Predecessor::Owner, public Successor::Owner {
 protected:
  HandoverTest() {
    EXPECT_TRUE(loop_.Init().ok());
    predecessor_ = std::make_unique<Predecessor>(loop_, ListenForSuccessors(), *this);
    EXPECT_TRUE(predecessor_->Start().ok());
  }

  void PrepareToLeave(Ready ready) override {
    ++prepared_;
    if (!refusal_.ok()) return ready(refusal_);
    if (prepares_long_) {
      ready_ = std::move(ready);
      return;
    }
    ready(Everything());
  }

  Inheritance Everything() {
    Inheritance all;
    all.lock = Listening();
    all.generation = 42;
    all.listeners.push_back({net::LocalAddress(socket_.get()), {}});
    for (size_t i = 0; i < sockets_; ++i) {
      all.listeners[0].fds.push_back(net::Duplicate(socket_.get()));
    }
    all.given.push_back({"a name", net::LocalAddress(socket_.get()), Listening()});
    all.admin_address = "127.0.0.1:9490";
    all.admin = Listening();
    all.tickets.push_back({"one", {{{1, 2, 3}, {4, 5, 6}}, {{7}, {8}}}});
    all.tickets.push_back({"other", {{{9}, {10}}}});
    return all;
  }
  void Stay() override { ++stayed_; }
  void Leave(int pid) override { left_to_ = pid; }
  void OnYours() override { ++yours_; }
  void OnRevoked() override { ++revoked_; }

  // Blocks for the predecessor, whose loop turns here.
  absl::StatusOr<std::unique_ptr<Successor>> Take() {
    absl::StatusOr<std::unique_ptr<Successor>> result = absl::UnknownError("");
    bool is_done = false;
    std::thread thread([&] {
      result = Successor::Take(ConnectToPredecessor(), 30);
      loop_.PostFromAnyThread([&is_done] { is_done = true; });
    });
    while (!is_done) loop_.RunOnce(absl::Seconds(10));
    thread.join();
    return result;
  }

  void RunUntil(const int& count) {
    while (count == 0) loop_.RunOnce(absl::Seconds(10));
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  net::Fd socket_ = Listening();
  size_t sockets_ = 2;
  absl::Status refusal_;
  bool prepares_long_ = false;
  Ready ready_;
  std::unique_ptr<Predecessor> predecessor_;
  int prepared_ = 0;
  int stayed_ = 0;
  int left_to_ = 0;
  int yours_ = 0;
  int revoked_ = 0;
};

TEST_F(HandoverTest, EverythingArrivesAsItWas) {
  const auto successor = Take();
  ASSERT_TRUE(successor.ok()) << successor.status();
  Inheritance& all = (*successor)->inheritance();
  EXPECT_TRUE(all.lock.is_open());
  EXPECT_EQ(all.generation, 42u);
  ASSERT_EQ(all.listeners.size(), 1u);
  EXPECT_EQ(all.listeners[0].address, net::LocalAddress(socket_.get()));
  ASSERT_EQ(all.listeners[0].fds.size(), 2u);
  EXPECT_TRUE(net::IsSameSocket(all.listeners[0].fds[1].get(), socket_.get()));
  ASSERT_EQ(all.given.size(), 1u);
  EXPECT_EQ(all.given[0].name, "a name");
  EXPECT_EQ(all.admin_address, "127.0.0.1:9490");
  EXPECT_TRUE(all.admin.is_open());
  ASSERT_EQ(all.tickets.size(), 2u);
  EXPECT_EQ(all.tickets[0].listener, "one");
  ASSERT_EQ(all.tickets[0].keys.size(), 2u);
  EXPECT_EQ(all.tickets[0].keys[0].name[2], 3);
  EXPECT_EQ(all.tickets[0].keys[0].secret[2], 6);
  EXPECT_EQ(all.tickets[1].keys[0].secret[0], 10);
}

TEST_F(HandoverTest, MoreSocketsThanFitAMessageArriveInSeveral) {
  sockets_ = 2 * kMaxFds + 1;
  const auto successor = Take();
  ASSERT_TRUE(successor.ok()) << successor.status();
  size_t arrived = 0;
  for (const Inheritance::Listener& listener : (*successor)->inheritance().listeners) {
    arrived += listener.fds.size();
  }
  EXPECT_EQ(arrived, sockets_);
}

TEST_F(HandoverTest, WhoServesIsTheOneAndTheOtherLeaves) {
  const auto successor = Take();
  ASSERT_TRUE(successor.ok()) << successor.status();
  ASSERT_TRUE((*successor)->Start(loop_, *this).ok());
  EXPECT_EQ(left_to_, 0);
  (*successor)->Confirm();
  RunUntil(yours_);
  EXPECT_EQ(left_to_, getpid());
  EXPECT_EQ(stayed_, 0);
}

TEST_F(HandoverTest, ASuccessorThatDiesBeforeItServesChangesNothing) {
  auto successor = Take();
  ASSERT_TRUE(successor.ok()) << successor.status();
  successor->reset();
  RunUntil(stayed_);
  EXPECT_EQ(left_to_, 0);
  // And the next one may take over.
  EXPECT_TRUE(Take().ok());
  EXPECT_EQ(prepared_, 2);
}

TEST_F(HandoverTest, ASecondSuccessorIsRefused) {
  const auto first = Take();
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status second = Take().status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr("already"));
}

TEST_F(HandoverTest, ASuccessorThatSaysNothingYetIsNotCutByASecond) {
  const net::Fd first = ConnectToPredecessor();
  loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(Take().status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Send(first.get(), kTakeover).ok());
  RunUntil(prepared_);
}

// The owner would be told to stay while the second one has everything.
TEST_F(HandoverTest, ASuccessorIsRefusedWhileTheOwnerPreparesForOneThatIsGone) {
  prepares_long_ = true;
  net::Fd first = ConnectToPredecessor();
  ASSERT_TRUE(Send(first.get(), kTakeover).ok());
  RunUntil(prepared_);
  first.Close();
  loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(Take().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(prepared_, 1);
  ready_(Everything());
  EXPECT_EQ(stayed_, 1);
  prepares_long_ = false;
  EXPECT_TRUE(Take().ok());
  EXPECT_EQ(stayed_, 1);
}

TEST_F(HandoverTest, ARefusalSaysWhy) {
  refusal_ = absl::FailedPreconditionError("the disk is full");
  const absl::Status status = Take().status();
  EXPECT_EQ(status, refusal_);
  EXPECT_EQ(stayed_, 0);
}

TEST_F(HandoverTest, APredecessorThatStaysAfterAllRevokes) {
  const auto successor = Take();
  ASSERT_TRUE(successor.ok()) << successor.status();
  ASSERT_TRUE((*successor)->Start(loop_, *this).ok());
  predecessor_->Close();
  RunUntil(revoked_);
  EXPECT_EQ(yours_, 0);
}

TEST_F(HandoverTest, APredecessorThatDiesIsNoObstacle) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  net::Fd here(pair[0]);
  Inheritance all;
  all.lock = Listening();
  ASSERT_TRUE(SendInheritance(here.get(), all).ok());
  const auto successor = Successor::Take(net::Fd(pair[1]), 30);
  ASSERT_TRUE(successor.ok()) << successor.status();
  ASSERT_TRUE((*successor)->Start(loop_, *this).ok());
  here.Close();
  (*successor)->Confirm();
  RunUntil(yours_);
  EXPECT_EQ(revoked_, 0);
}

TEST(TakePacketTest, WhatIsNotKnownIsPassedOver) {
  Inheritance all;
  const auto result = TakePacket({"of a later build", {}}, all);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(*result);
}

TEST(TakePacketTest, WhatIsBrokenIsRefusedWithoutItsContent) {
  for (const char* text :
       {"lock", "admin 127.0.0.1:1", "listener 127.0.0.1:1", "listener x", "given x y", "ticket",
        "ticket one 00 11", "ticket one zz zz", "end", "end -1", "end 1"}) {
    Inheritance all;
    const auto result = TakePacket({text, {}}, all);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(result.status().message()), Not(HasSubstr("zz")));
  }
}

}  // namespace
}  // namespace sluice::server::handover
