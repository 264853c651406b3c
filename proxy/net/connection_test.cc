#include "proxy/net/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

namespace sluice::net {
namespace {

// A connection whose other end is a plain socket in the test's hand.
class ConnectionTest : public ::testing::Test, public Connection::Owner {
 protected:
  ConnectionTest() {
    EXPECT_TRUE(loop_.Init().ok());
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer_ = Fd(fds[1]);
    connection_ = std::make_unique<Connection>(io_, Fd(fds[0]), event::Phase::kFlushClient, *this,
                                               /*connecting=*/false);
    EXPECT_TRUE(connection_->Register().ok());
  }

  void OnReadable() override {
    for (;;) {
      char buffer[1000];
      const ReadResult result = connection_->Read(buffer, sizeof(buffer));
      if (result.status == ReadStatus::kEnd) ended_ = true;
      if (result.status != ReadStatus::kData) return;
      received_.append(buffer, result.bytes);
      if (!connection_->may_be_readable()) return;
    }
  }
  void OnWriteRoom() override { ++rooms_; }
  void OnWriteError(int) override { ++write_errors_; }
  void OnConnected(int) override {}

  std::string DrainPeer() {
    std::string all;
    char buffer[65536];
    for (ssize_t n; (n = read(peer_.get(), buffer, sizeof(buffer))) > 0;) all.append(buffer, n);
    return all;
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  BlockPool pool_{1 << 24};
  IoContext io_{loop_, pool_};
  Fd peer_;
  std::unique_ptr<Connection> connection_;
  std::string received_;
  bool ended_ = false;
  int rooms_ = 0;
  int write_errors_ = 0;
};

TEST_F(ConnectionTest, WhatThePeerSendsIsReadToItsEnd) {
  ASSERT_EQ(write(peer_.get(), "hello", 5), 5);
  peer_.Close();
  while (!ended_) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(received_, "hello");
}

TEST_F(ConnectionTest, WritesOfOneTurnLeaveTogetherAtItsEnd) {
  connection_->out().AppendCopy(pool_, "one ");
  connection_->FlushSoon();
  connection_->out().AppendCopy(pool_, "two");
  EXPECT_EQ(DrainPeer(), "");
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(DrainPeer(), "one two");
}

TEST_F(ConnectionTest, AQueueAboveTheMarkTellsWhenThereIsRoomAgain) {
  const std::string large(4 << 20, 'x');
  connection_->out().AppendCopy(pool_, large);
  connection_->FlushSoon();
  EXPECT_TRUE(connection_->is_above_high_water());
  size_t seen = 0;
  while (seen < large.size()) {
    loop_.RunOnce(absl::Milliseconds(100));
    seen += DrainPeer().size();
  }
  EXPECT_EQ(rooms_, 1);
}

TEST_F(ConnectionTest, WhoHeardOfAFullQueueHearsOfRoomThoughTheMarkHasRisen) {
  connection_->out().AppendCopy(pool_, std::string(100 << 10, 'x'));
  connection_->FlushSoon();
  EXPECT_FALSE(connection_->is_above_high_water());
  BlockRef large = pool_.TakeAtLeast(1 << 23);  // Half of the pool: tight.
  EXPECT_TRUE(connection_->is_above_high_water());
  large.Reset();
  EXPECT_FALSE(connection_->is_above_high_water());
  loop_.RunOnce(absl::ZeroDuration());
  EXPECT_EQ(rooms_, 1);
}

// A large response on a connection that closes after it lost its end.
TEST_F(ConnectionTest, WhoWaitsForTheLastByteIsNotToldOfRoom) {
  connection_->out().AppendCopy(pool_, std::string(4 << 20, 'x'));
  connection_->FlushSoon();
  EXPECT_TRUE(connection_->is_above_high_water());
  connection_->TellWhenEmpty();
  while (rooms_ == 0) {
    loop_.RunOnce(absl::Milliseconds(100));
    DrainPeer();
  }
  EXPECT_TRUE(connection_->is_flushed());
}

TEST_F(ConnectionTest, AWriteToAClosedPeerIsToldOnce) {
  peer_.Close();
  for (int i = 0; i < 3; ++i) {
    connection_->out().AppendCopy(pool_, "x");
    connection_->FlushSoon();
    loop_.RunOnce(absl::ZeroDuration());
  }
  EXPECT_EQ(write_errors_, 1);
}

TEST(ListenTest, AHeldPortIsRefusedByTheProbe) {
  const auto listener = Listen(*Address::Parse("127.0.0.1:0"), 16);
  ASSERT_TRUE(listener.ok());
  const Address bound = LocalAddress(listener->get());
  EXPECT_EQ(ProbeBind(bound).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Listen(bound, 16).ok()) << "sockets of one set share the port";
}

}  // namespace
}  // namespace sluice::net
