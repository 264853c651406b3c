// Bytes that pass from one connection to another in pipes.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <random>
#include <string>

#include "proxy/net/connection.h"

namespace sluice::net {
namespace {

// A TCP connection on loopback: as in life, and resets are what they are there.
void Connect(Fd& one, Fd& other) {
  absl::StatusOr<Fd> listener = Listen(*Address::Parse("127.0.0.1:0"), 1);
  ASSERT_TRUE(listener.ok());
  absl::StatusOr<Fd> client = StartConnect(LocalAddress(listener->get()));
  ASSERT_TRUE(client.ok());
  int fd;
  do {
    fd = accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK);
  } while (fd < 0);
  one = *std::move(client);
  other = Fd(fd);
}

// Reads from `source_` whatever comes and passes it to `sink_` while there is room, in pipes if
// `pipes`; the test holds the far ends.
class ConnectionPipeTest : public ::testing::Test {
 protected:
  struct Side final : Connection::Owner {
    explicit Side(ConnectionPipeTest& test) : test(test) {}
    void OnReadable() override { test.Pass(); }
    void OnWriteRoom() override { test.Pass(); }
    void OnWriteError(int) override { ++test.write_errors_; }
    void OnConnected(int) override {}
    ConnectionPipeTest& test;
  };

  ConnectionPipeTest() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_TRUE(loop_.Init().ok());
    Fd fd;
    Connect(sender_, fd);
    source_ = std::make_unique<Connection>(io_, std::move(fd), event::Phase::kFlushUpstream,
                                           source_side_, /*connecting=*/false);
    Connect(receiver_, fd);
    sink_ = std::make_unique<Connection>(io_, std::move(fd), event::Phase::kFlushClient, sink_side_,
                                         /*connecting=*/false);
    EXPECT_TRUE(source_->Register().ok());
    EXPECT_TRUE(sink_->Register().ok());
  }

  void Pass() {
    while (sink_->is_open() && source_->may_be_readable() && !sink_->is_above_high_water()) {
      std::optional<ReadResult> result;
      if (pipes_) result = source_->ReadPiped(left_, sink_->out());
      if (result && result->status == ReadStatus::kData) piped_ += result->bytes;
      if (!result) {
        const BlockRef block = io_.Scratch().Share();
        result = source_->Read(block->data(), std::min<uint64_t>(block->capacity, left_));
        sink_->out().Append(block, block->data(), block->data() + result->bytes);
      }
      status_ = result->status;
      if (result->status != ReadStatus::kData) return;
      left_ -= result->bytes;
      sink_->FlushSoon();
    }
  }

  // Little fits into the kernel's buffers behind the proxy from now on.
  void LimitSinkBuffers() {
    const int bytes = 64 * 1024;
    setsockopt(sink_->fd(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    setsockopt(receiver_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  }
  // Sends as much of `content` behind `sent` as goes.
  void Send(const std::string& content, size_t& sent) {
    const ssize_t n =
        send(sender_.get(), content.data() + sent, content.size() - sent, MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<size_t>(n);
  }
  void Receive(std::string& received, size_t at_most) {
    std::string room(at_most, '\0');
    const ssize_t n = recv(receiver_.get(), room.data(), room.size(), 0);
    if (n > 0) received.append(room, 0, static_cast<size_t>(n));
  }
  // Until all of `content` has come out at the other end.
  std::string Transfer(const std::string& content, size_t piece = 1 << 20) {
    std::string received;
    size_t sent = 0;
    while (received.size() < content.size() && write_errors_ == 0) {
      Send(content, sent);
      loop_.RunOnce(absl::Milliseconds(1));
      Receive(received, piece);
    }
    return received;
  }

  static std::string Content(size_t bytes) {
    std::mt19937_64 random(7);
    std::string content(bytes, '\0');
    for (char& c : content) c = static_cast<char>(random());
    return content;
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  BlockPool pool_{1 << 24};
  IoContext io_{loop_, pool_};
  Side source_side_{*this};
  Side sink_side_{*this};
  Fd sender_;
  Fd receiver_;
  std::unique_ptr<Connection> source_;
  std::unique_ptr<Connection> sink_;
  ReadStatus status_ = ReadStatus::kWouldBlock;
  uint64_t left_ = UINT64_MAX;
  uint64_t piped_ = 0;
  int write_errors_ = 0;
  bool pipes_ = true;
};

TEST_F(ConnectionPipeTest, ALongStreamComesOutAsItWentIn) {
  const std::string content = Content(16 << 20);
  EXPECT_TRUE(Transfer(content) == content);
  EXPECT_GT(piped_, content.size() / 4);
  EXPECT_EQ(sink_->bytes_sent(), content.size());
}

TEST_F(ConnectionPipeTest, AReaderThatIsSlowGetsAllOfIt) {
  LimitSinkBuffers();
  const std::string content = Content(8 << 20);
  EXPECT_TRUE(Transfer(content, 50'000) == content);
  EXPECT_GT(piped_, 0u);
}

TEST_F(ConnectionPipeTest, PipesAndBlocksMayFollowEachOther) {
  const std::string content = Content(8 << 20);
  std::string received;
  size_t sent = 0;
  while (received.size() < content.size()) {
    Send(content, sent);
    pipes_ = (received.size() / 100'000) % 2 == 0;
    loop_.RunOnce(absl::Milliseconds(1));
    Receive(received, 60'000);
  }
  EXPECT_TRUE(received == content);
  EXPECT_GT(piped_, 0u);
}

TEST_F(ConnectionPipeTest, NoMoreIsTakenThanWasAskedFor) {
  left_ = 1'000'000;
  const std::string content = Content(2'000'000);
  std::string received;
  size_t sent = 0;
  while (received.size() < 1'000'000) {
    Send(content, sent);
    loop_.RunOnce(absl::Milliseconds(1));
    Receive(received, 1 << 20);
    if (left_ == 0) pipes_ = false;
  }
  EXPECT_TRUE(received == content.substr(0, 1'000'000));
}

// Each has a place of its own in the pipe, which has fewer than there are pieces.
TEST_F(ConnectionPipeTest, SmallPiecesThatDoNotAllFitInAPipeAreNotForgotten) {
  std::string content = Content(1 << 20);
  size_t sent = 0;
  Send(content, sent);
  content.resize(sent);
  const std::string small = Content(1000);
  for (;;) {
    const ssize_t n = send(sender_.get(), small.data(), small.size(), MSG_NOSIGNAL | MSG_EOR);
    if (n <= 0) break;
    content.append(small, 0, static_cast<size_t>(n));
  }
  std::string received;
  while (received.size() < content.size()) {
    loop_.RunOnce(absl::Milliseconds(1));
    Receive(received, 1 << 20);
  }
  EXPECT_TRUE(received == content);
}

TEST_F(ConnectionPipeTest, TheEndComesBehindTheLastByte) {
  const std::string content = Content(1 << 20);
  std::string received;
  size_t sent = 0;
  while (sent < content.size()) {
    Send(content, sent);
    loop_.RunOnce(absl::Milliseconds(1));
    Receive(received, 1 << 20);
  }
  sender_.Close();
  while (received.size() < content.size() || status_ != ReadStatus::kEnd) {
    loop_.RunOnce(absl::Milliseconds(1));
    Receive(received, 1 << 20);
  }
  EXPECT_TRUE(received == content);
}

// Taken for the end it would make a body whole that is not.
TEST_F(ConnectionPipeTest, AResetIsNotTheEnd) {
  std::string received;
  const std::string content = Content(4 << 20);
  size_t sent = 0;
  while (piped_ == 0) {
    Send(content, sent);
    loop_.RunOnce(absl::Milliseconds(1));
    Receive(received, 1 << 20);
  }
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(sender_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  sender_.Close();
  while (status_ == ReadStatus::kData || status_ == ReadStatus::kWouldBlock) {
    loop_.RunOnce(absl::Milliseconds(1));
    Receive(received, 1 << 20);
  }
  EXPECT_EQ(status_, ReadStatus::kError);
}

TEST_F(ConnectionPipeTest, AReaderThatIsGoneIsAWriteErrorAndItsPipesAreClosed) {
  LimitSinkBuffers();
  const std::string content = Content(8 << 20);
  size_t sent = 0;
  while (!sink_->is_above_high_water() || piped_ == 0) {
    Send(content, sent);
    loop_.RunOnce(absl::Milliseconds(1));
  }
  receiver_.Close();
  while (write_errors_ == 0) loop_.RunOnce(absl::Milliseconds(1));
  EXPECT_TRUE(sink_->is_flushed());
  sink_->Close();
  source_->Close();
  pool_.Release();
  EXPECT_EQ(pool_.open_pipes(), 0u);
}

TEST_F(ConnectionPipeTest, AConnectionThatClosesGivesItsPipesUp) {
  LimitSinkBuffers();
  const std::string content = Content(8 << 20);
  size_t sent = 0;
  while (!sink_->is_above_high_water() || piped_ == 0) {
    Send(content, sent);
    loop_.RunOnce(absl::Milliseconds(1));
  }
  const size_t open = pool_.open_pipes();
  sink_->Close();
  EXPECT_LT(pool_.open_pipes(), open);
}

TEST_F(ConnectionPipeTest, UrgentDataHoldsNothingUp) {
  const std::string content = Content(2 << 20);
  std::string received;
  size_t sent = 0;
  while (received.size() < content.size() / 2 || received.size() < sent) {
    if (sent < content.size() / 2) Send(content, sent);
    loop_.RunOnce(absl::Milliseconds(1));
    Receive(received, 1 << 20);
  }
  ASSERT_EQ(send(sender_.get(), "!", 1, MSG_OOB), 1);
  while (received.size() < content.size()) {
    Send(content, sent);
    loop_.RunOnce(absl::Milliseconds(1));
    Receive(received, 1 << 20);
  }
  EXPECT_TRUE(received == content);
}

TEST_F(ConnectionPipeTest, WithoutPipesItGoesThroughMemory) {
  pool_.RefusePipes();
  const std::string content = Content(4 << 20);
  EXPECT_TRUE(Transfer(content) == content);
  EXPECT_EQ(piped_, 0u);
}

// Queues are short then, and a pipe is not.
TEST_F(ConnectionPipeTest, WhileMemoryIsShortItGoesThroughMemory) {
  const BlockRef large = pool_.TakeAtLeast(1 << 23);
  const std::string content = Content(4 << 20);
  EXPECT_TRUE(Transfer(content) == content);
  EXPECT_EQ(piped_, 0u);
}

TEST_F(ConnectionPipeTest, WhatComesInSmallPiecesIsNotWorthAPipe) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(send(sender_.get(), "hello", 5, MSG_NOSIGNAL), 5);
    loop_.RunOnce(absl::Milliseconds(10));
  }
  EXPECT_EQ(pool_.open_pipes(), 0u);
}

}  // namespace
}  // namespace sluice::net
