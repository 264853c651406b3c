#include "proxy/net/acceptor.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace sluice::net {
namespace {

class AcceptorTest : public ::testing::Test, public Acceptor::Owner {
 protected:
  AcceptorTest() {
    EXPECT_TRUE(loop_.Init().ok());
    Fd fd = *Listen(*Address::Parse("127.0.0.1:0"), 128);
    address_ = LocalAddress(fd.get());
    acceptor_ = std::make_unique<Acceptor>(loop_, std::move(fd), *this);
    EXPECT_TRUE(acceptor_->Start().ok());
  }

  void OnAccept(Fd fd, const Address&) override { accepted_.push_back(std::move(fd)); }
  void OnShed() override { ++sheds_; }

  // Clients whose connections wait to be accepted.
  std::vector<Fd> Connect(int count) {
    std::vector<Fd> clients;
    for (int i = 0; i < count; ++i) clients.push_back(*StartConnect(address_));
    return clients;
  }

  static bool IsClosedByPeer(const Fd& client) {
    char byte;
    return recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  Address address_;
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<Fd> accepted_;
  int sheds_ = 0;
};

// While it lives this process can open no descriptor.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit low{.rlim_cur = 256, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    while (true) {
      Fd fd(dup(STDIN_FILENO));
      if (!fd.is_open()) break;
      taken_.push_back(std::move(fd));
    }
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

  void GiveBack(size_t count) {
    while (count-- > 0) taken_.pop_back();
  }

 private:
  rlimit before_;
  std::vector<Fd> taken_;
};

TEST_F(AcceptorTest, ABurstIsAcceptedOverSeveralTurns) {
  const std::vector<Fd> clients = Connect(100);
  while (accepted_.size() < clients.size()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(sheds_, 0);
}

TEST_F(AcceptorTest, APausedQueueIsLeftAloneUntilItIsNot) {
  acceptor_->SetPaused(true);
  const std::vector<Fd> clients = Connect(3);
  loop_.RunOnce(absl::Milliseconds(10));
  EXPECT_TRUE(accepted_.empty());
  acceptor_->SetPaused(false);
  while (accepted_.size() < clients.size()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(sheds_, 0);
}

TEST_F(AcceptorTest, ACopyOfAClosedSocketDoesNotWakeTheLoop) {
  const Fd copy = Duplicate(acceptor_->fd());
  const size_t watched = loop_.watched_count();
  acceptor_->Close();
  EXPECT_EQ(loop_.watched_count(), watched - 1);
  const std::vector<Fd> clients = Connect(1);
  loop_.RunOnce(absl::Milliseconds(10));
  EXPECT_TRUE(accepted_.empty());
}

TEST_F(AcceptorTest, WithoutDescriptorsOneIsClosedAndTheLoopLooksAwayForAMoment) {
  const std::vector<Fd> clients = Connect(3);
  const NoDescriptors none;
  loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(sheds_, 1);
  EXPECT_TRUE(IsClosedByPeer(clients[0]));
  EXPECT_FALSE(IsClosedByPeer(clients[1]));
  // Two still wait in the queue, and yet nothing wakes the loop until it looks again.
  const absl::Time began = absl::Now();
  int turns = 0;
  while (sheds_ < 2) {
    loop_.RunOnce(absl::Seconds(10));
    ++turns;
  }
  EXPECT_GE(absl::Now() - began, absl::Milliseconds(50));
  // The timer's own turns: it may be filed anew on its way.
  EXPECT_LE(turns, 4);
}

TEST_F(AcceptorTest, WhoWaitsIsServedWhenDescriptorsComeFree) {
  const std::vector<Fd> clients = Connect(3);
  NoDescriptors none;
  loop_.RunOnce(absl::Seconds(10));
  none.GiveBack(2);
  while (accepted_.size() < 2) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(sheds_, 1);
  EXPECT_FALSE(IsClosedByPeer(clients[1]));
}

TEST_F(AcceptorTest, TheReserveIsTakenAgainWhenItWasLost) {
  const std::vector<Fd> clients = Connect(4);
  NoDescriptors none;
  while (sheds_ < 3) loop_.RunOnce(absl::Seconds(10));
  none.GiveBack(1);
  while (accepted_.empty()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_FALSE(IsClosedByPeer(clients[3]));
}

TEST_F(AcceptorTest, ClosedItAcceptsNoMore) {
  acceptor_->Close();
  const Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = address_.ToSockaddr(storage);
  EXPECT_NE(connect(client.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);
}

}  // namespace
}  // namespace sluice::net
