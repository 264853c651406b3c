// Pipes on their own, and in place of blocks.
#include "proxy/net/pipe.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "proxy/net/buffer.h"

namespace sluice::net {
namespace {

// Two ends of one stream.
struct Pair {
  Pair() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    one = Fd(fds[0]);
    other = Fd(fds[1]);
  }
  void Send(const std::string& bytes) {
    ASSERT_EQ(write(one.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  std::string Received() {
    char buffer[65536];
    const ssize_t n = read(other.get(), buffer, sizeof(buffer));
    return n <= 0 ? "" : std::string(buffer, static_cast<size_t>(n));
  }

  Fd one;
  Fd other;
};

class PipeTest : public ::testing::Test {
 protected:
  // A pipe of the pool with `bytes` in it.
  BlockRef Filled(const std::string& bytes) {
    BlockRef block = pool_.TakePipe();
    EXPECT_TRUE(block);
    Pair source;
    source.Send(bytes);
    EXPECT_EQ(block->pipe().FillFrom(source.other.get(), block->pipe().capacity()),
              static_cast<ssize_t>(bytes.size()));
    return block;
  }

  BlockPool pool_{1 << 20};
};

TEST_F(PipeTest, WhatFillsItGoesOnToAnotherSocket) {
  std::optional<Pipe> pipe = Pipe::Open();
  ASSERT_TRUE(pipe);
  Pair source, sink;
  source.Send("hello world");
  EXPECT_EQ(pipe->FillFrom(source.other.get(), 5), 5);
  EXPECT_EQ(pipe->bytes(), 5u);
  EXPECT_EQ(pipe->EmptyInto(sink.one.get()), 5);
  EXPECT_EQ(pipe->bytes(), 0u);
  EXPECT_EQ(sink.Received(), "hello");
}

TEST_F(PipeTest, AnEmptySocketAndOneThatHasEndedAreToldApart) {
  std::optional<Pipe> pipe = Pipe::Open();
  ASSERT_TRUE(pipe);
  Pair source;
  EXPECT_EQ(pipe->FillFrom(source.other.get(), 5), -1);
  EXPECT_EQ(errno, EAGAIN);
  source.one.Close();
  EXPECT_EQ(pipe->FillFrom(source.other.get(), 5), 0);
}

TEST_F(PipeTest, InABufferItsBytesCountAndKeepTheirOrder) {
  Pair sink;
  Buffer buffer;
  buffer.AppendCopy(pool_, "one ");
  buffer.AppendPipe(Filled("two "));
  buffer.AppendCopy(pool_, "three");
  EXPECT_EQ(buffer.size(), 13u);
  iovec pieces[4];
  ASSERT_EQ(buffer.Gather(pieces, 4), 1);
  EXPECT_EQ(pieces[0].iov_len, 4u);
  buffer.Drain(4);
  EXPECT_EQ(buffer.Gather(pieces, 4), 0);
  EXPECT_EQ(buffer.SendFrontPipe(sink.one.get()), 4);
  EXPECT_EQ(sink.Received(), "two ");
  EXPECT_EQ(buffer.ToString(), "three");
}

TEST_F(PipeTest, ABufferMovesItsPipesOn) {
  Pair sink;
  Buffer buffer, other;
  other.AppendCopy(pool_, "x");
  buffer.AppendPipe(Filled("hello"));
  other.Append(std::move(buffer));
  other.Drain(1);
  EXPECT_EQ(other.SendFrontPipe(sink.one.get()), 5);
  EXPECT_TRUE(other.empty());
}

TEST_F(PipeTest, OneThatWasEmptiedServesAgain) {
  Pair sink;
  Buffer buffer;
  for (int i = 0; i < 10; ++i) {
    buffer.AppendPipe(Filled("hello"));
    EXPECT_EQ(buffer.SendFrontPipe(sink.one.get()), 5);
  }
  EXPECT_EQ(pool_.open_pipes(), 1u);
}

// What a client that went away did not get would be the beginning of another's response.
TEST_F(PipeTest, OneWithBytesLeftInItIsClosed) {
  Buffer buffer;
  buffer.AppendPipe(Filled("hello"));
  buffer.Clear();
  EXPECT_EQ(pool_.open_pipes(), 0u);
}

TEST_F(PipeTest, SoManyAreOpenAndNoMore) {
  std::vector<BlockRef> pipes;
  for (size_t i = 0; i < BlockPool::kMaxPipes; ++i) {
    pipes.push_back(pool_.TakePipe());
    ASSERT_TRUE(pipes.back());
  }
  EXPECT_FALSE(pool_.TakePipe());
  pipes.pop_back();
  EXPECT_TRUE(pool_.TakePipe());
}

TEST_F(PipeTest, ThoseThatServeNobodyAreClosedInTime) {
  {
    std::vector<BlockRef> pipes;
    for (int i = 0; i < 8; ++i) pipes.push_back(pool_.TakePipe());
  }
  for (int seconds = 0; seconds < 5; ++seconds) pool_.Trim();
  EXPECT_EQ(pool_.open_pipes(), 1u);
  pool_.Release();
  EXPECT_EQ(pool_.open_pipes(), 0u);
}

TEST_F(PipeTest, WithoutDescriptorsThereAreNoneUntilItIsTriedAgain) {
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_FALSE(pool_.TakePipe());
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_FALSE(pool_.TakePipe());
  pool_.Trim();
  EXPECT_TRUE(pool_.TakePipe());
}

TEST_F(PipeTest, TheBudgetCountsWhatIsInThem) {
  const BlockRef empty = pool_.TakePipe();
  EXPECT_EQ(pool_.lent_bytes(), 0u);
  Buffer buffer;
  buffer.AppendPipe(Filled("hello"));
  EXPECT_EQ(pool_.lent_bytes(), 5u);
  buffer.Clear();
  EXPECT_EQ(pool_.lent_bytes(), 0u);
}

using PipeDeathTest = PipeTest;

TEST_F(PipeDeathTest, WhoeverLooksAtTheBytesIsABug) {
  Buffer buffer;
  buffer.AppendPipe(Filled("hello"));
  EXPECT_DEATH(buffer.Front(), "pipe");
  EXPECT_DEATH(buffer.ToString(), "pipe");
  Buffer other;
  EXPECT_DEATH(other.AppendShared(buffer, 0, 1), "pipe");
}

TEST_F(PipeDeathTest, BytesWhoseFrontWasDroppedAreNotSent) {
  Pair sink;
  Buffer buffer;
  buffer.AppendPipe(Filled("hello"));
  buffer.Drain(2);
  EXPECT_DEATH(buffer.SendFrontPipe(sink.one.get()), "pipe");
}

}  // namespace
}  // namespace sluice::net
