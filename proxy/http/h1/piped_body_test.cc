// Bodies that pass the codecs in pipes: where they end, and what comes behind them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "proxy/http/h1/client_connection.h"
#include "proxy/http/h1/server_connection.h"

namespace sluice::http::h1 {
namespace {

using ::testing::ElementsAre;

constexpr size_t kLong = 1 << 20;

std::string Content(size_t bytes) {
  std::mt19937_64 random(7);
  std::string content(bytes, '\0');
  for (char& c : content) c = static_cast<char>(random());
  return content;
}

void MakePair(net::Fd& one, net::Fd& other) {
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  one = net::Fd(fds[0]);
  other = net::Fd(fds[1]);
}

// Gets bodies, pipes and all.
class Drain {
 public:
  Drain() { MakePair(in_, out_); }
  void Take(net::Buffer&& body) {
    while (!body.empty()) {
      iovec piece;
      if (body.Gather(&piece, 1) == 1) {
        bytes_.append(static_cast<char*>(piece.iov_base), piece.iov_len);
        body.Drain(piece.iov_len);
        continue;
      }
      const ssize_t n = body.SendFrontPipe(in_.get());
      if (n > 0) piped_ += static_cast<size_t>(n);
      char buffer[65536];
      for (ssize_t got; (got = read(out_.get(), buffer, sizeof(buffer))) > 0;) {
        bytes_.append(buffer, static_cast<size_t>(got));
      }
    }
  }
  const std::string& bytes() const { return bytes_; }
  size_t piped() const { return piped_; }

 private:
  net::Fd in_;
  net::Fd out_;
  std::string bytes_;
  size_t piped_ = 0;
};

// Runs the loop while the far end of a connection sends.
class PipedBodyTest : public ::testing::Test {
 protected:
  PipedBodyTest() { EXPECT_TRUE(loop_.Init().ok()); }
  void Turn(int times = 1) {
    while (times-- > 0) loop_.RunOnce(absl::ZeroDuration());
  }
  void Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
      Turn();
    }
    Turn(4);
  }

  ManualClock clock_;
  event::Loop loop_{clock_};
  net::BlockPool pool_{1 << 24};
  net::IoContext io_{loop_, pool_};
  RawHead scratch_head_;
  net::Fd peer_;
};

// --- Requests ------------------------------------------------------------------------------------

struct Received final : ServerStreamEvents {
  Received(net::BlockPool& pool, ServerStream& server_stream)
      : stream(server_stream), arena(pool, memory, memory + sizeof(memory)), head(arena) {}

  RequestHead& request_head() override { return head; }
  void OnRequestHead(bool end) override {
    path = std::string(head.path);
    ended = end;
  }
  void OnBadRequest(const LocalError& error) override { refused = error.details; }
  bool TakesPipes() const override { return takes_pipes; }
  void OnRequestBody(net::Buffer&& piece) override { body.Take(std::move(piece)); }
  void OnRequestEnd(const HeaderMap*) override { ended = true; }
  void OnClientReset(ResetReason, const LocalError* error) override {
    was_reset = true;
    if (error != nullptr) refused = error->details;
  }
  void OnSendRoom() override {}
  size_t held_bytes() const override { return 0; }

  void Answer() {
    ResponseHead response(arena);
    response.status = 204;
    stream.SendHead(response, true);
    stream.Release();
  }

  ServerStream& stream;
  char memory[4096];
  Arena arena;
  RequestHead head;
  std::string path;
  std::string refused;
  Drain body;
  bool takes_pipes = true;
  bool ended = false;
  bool was_reset = false;
};

class PipedRequestTest : public PipedBodyTest,
                         public ServerConnection::Host,
                         public StreamAcceptor {
 protected:
  PipedRequestTest() {
    net::Fd fd;
    MakePair(fd, peer_);
    ServerConnection::Host& host = *this;
    connection_ = std::make_unique<ServerConnection>(io_, std::move(fd), net::Address(), 1, host);
    EXPECT_TRUE(connection_->Start().ok());
  }
  ~PipedRequestTest() override {
    if (!is_closed_) connection_->CloseNow();
  }

  const ServerSettings& settings() const override { return settings_; }
  StreamAcceptor& acceptor() override { return *this; }
  bool is_draining() const override { return false; }
  RawHead& scratch_head() override { return scratch_head_; }
  void OnClosed(ServerCodec&) override { is_closed_ = true; }
  ServerStreamEvents* NewStream(ServerStream& stream) override {
    exchanges_.push_back(std::make_unique<Received>(pool_, stream));
    exchanges_.back()->takes_pipes = takes_pipes_;
    return exchanges_.back().get();
  }
  Received& last() { return *exchanges_.back(); }

  static std::string Put(size_t length) {
    return "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  }

  ServerSettings settings_;
  std::vector<std::unique_ptr<Received>> exchanges_;
  std::unique_ptr<ServerConnection> connection_;
  bool is_closed_ = false;
  bool takes_pipes_ = true;
};

TEST_F(PipedRequestTest, ALongBodyComesInPipesAndTheNextRequestBehindIt) {
  const std::string content = Content(kLong);
  Send(Put(kLong) + content + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(last().ended);
  EXPECT_TRUE(last().body.bytes() == content);
  EXPECT_GT(last().body.piped(), 0u);
  last().Answer();
  Turn(4);
  EXPECT_EQ(last().path, "/next");
}

TEST_F(PipedRequestTest, WhoDoesNotTakePipesGetsBytes) {
  takes_pipes_ = false;
  const std::string content = Content(kLong);
  Send(Put(kLong) + content);
  EXPECT_TRUE(last().ended);
  EXPECT_TRUE(last().body.bytes() == content);
  EXPECT_EQ(last().body.piped(), 0u);
}

TEST_F(PipedRequestTest, LongChunksPassWithoutTheirFraming) {
  const std::string content = Content(kLong);
  std::string body;
  for (int i = 0; i < 4; ++i)
    body += "40000\r\n" + content.substr(i * (kLong / 4), kLong / 4) + "\r\n";
  Send("PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "0\r\n\r\n");
  EXPECT_TRUE(last().ended);
  EXPECT_TRUE(last().body.bytes() == content);
  EXPECT_GT(last().body.piped(), 0u);
}

TEST_F(PipedRequestTest, AClientThatLeavesInTheMiddleIsGone) {
  Send(Put(2 * kLong) + Content(kLong));
  ASSERT_GT(last().body.piped(), 0u);
  peer_.Close();
  Turn(4);
  EXPECT_TRUE(last().was_reset);
  EXPECT_TRUE(is_closed_);
}

TEST_F(PipedRequestTest, WhatCameInPipesCountsForTheClientsPace) {
  settings_.min_body_rate = 10'000;
  Send(Put(2 * kLong) + Content(kLong));
  clock_.Advance(absl::Seconds(60));
  Turn(2);
  EXPECT_EQ(last().refused, "");
  clock_.Advance(absl::Seconds(60));
  Turn(2);
  EXPECT_EQ(last().refused, "request_body_timeout");
}

TEST_F(PipedRequestTest, NothingComesWhileTheBodyIsPaused) {
  Send(Put(2 * kLong) + Content(kLong / 2));
  const size_t before = last().body.bytes().size();
  last().stream.PauseBody();
  ASSERT_GT(send(peer_.get(), Content(100'000).data(), 100'000, MSG_NOSIGNAL), 0);
  Turn(4);
  EXPECT_EQ(last().body.bytes().size(), before);
  last().stream.ResumeBody();
  Turn(4);
  EXPECT_GT(last().body.bytes().size(), before);
}

// --- Responses -----------------------------------------------------------------------------------

class PipedResponseTest : public PipedBodyTest,
                          public ClientConnection::Host,
                          public ClientStreamEvents {
 protected:
  PipedResponseTest() {
    net::Fd fd;
    MakePair(fd, peer_);
    ClientConnection::Host& host = *this;
    connection_ = std::make_unique<ClientConnection>(io_, std::move(fd), host, 5'000'000'000);
    EXPECT_TRUE(connection_->Start().ok());
    Turn();
    stream_ = &connection_->Begin(*this);
    RequestHead head(arena_);
    head.method_id = Method::kGet;
    head.method = "GET";
    head.path = "/";
    head.authority = "a";
    stream_->SendHead(head, true);
    Turn();
    // Left unread it would make a reset of the server's end.
    char request[4096];
    EXPECT_GT(read(peer_.get(), request, sizeof(request)), 0);
    notes_.clear();
  }
  ~PipedResponseTest() override { connection_->Close(); }

  void OnConnected(ClientConnection&) override {}
  void OnIdle(ClientConnection&) override { notes_.emplace_back("idle"); }
  void OnClosed(ClientConnection&, ResetReason) override { notes_.emplace_back("closed"); }
  RawHead& scratch_head() override { return scratch_head_; }
  Arena& arena() override { return arena_; }
  void OnInformational(ResponseHead&) override {}
  void OnHead(ResponseHead&, bool) override { notes_.emplace_back("head"); }
  bool TakesPipes() const override { return true; }
  void OnBody(net::Buffer&& piece) override { body_.Take(std::move(piece)); }
  void OnEnd(const HeaderMap*) override {
    notes_.emplace_back("end");
    stream_->Reset(ResetReason::kNone);
  }
  void OnReset(ResetReason) override { notes_.emplace_back("reset"); }
  void OnSendRoom() override {}

  static std::string Head(size_t length) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  }

  char memory_[8192];
  Arena arena_{pool_, memory_, memory_ + sizeof(memory_)};
  std::unique_ptr<ClientConnection> connection_;
  ClientStream* stream_ = nullptr;
  std::vector<std::string> notes_;
  Drain body_;
};

TEST_F(PipedResponseTest, ALongBodyComesInPipesAndTheConnectionIsKept) {
  const std::string content = Content(kLong);
  Send(Head(kLong) + content);
  EXPECT_TRUE(body_.bytes() == content);
  EXPECT_GT(body_.piped(), 0u);
  EXPECT_THAT(notes_, ElementsAre("head", "end", "idle"));
}

// The next request would take it for its response.
TEST_F(PipedResponseTest, AConnectionThatSentMoreThanItToldIsNotKept) {
  const std::string content = Content(kLong);
  Send(Head(kLong) + content + "more");
  EXPECT_TRUE(body_.bytes() == content);
  EXPECT_THAT(notes_, ElementsAre("head", "end", "closed"));
}

TEST_F(PipedResponseTest, AServerThatLeavesInTheMiddleResetsIt) {
  Send(Head(2 * kLong) + Content(kLong));
  ASSERT_GT(body_.piped(), 0u);
  peer_.Close();
  Turn(4);
  EXPECT_THAT(notes_, ElementsAre("head", "reset", "closed"));
}

TEST_F(PipedResponseTest, ABodyUntilTheEndOfTheConnectionEndsThere) {
  const std::string content = Content(kLong);
  Send("HTTP/1.1 200 OK\r\n\r\n" + content);
  EXPECT_GT(body_.piped(), 0u);
  peer_.Close();
  Turn(4);
  EXPECT_TRUE(body_.bytes() == content);
  EXPECT_THAT(notes_, ElementsAre("head", "end", "closed"));
}

}  // namespace
}  // namespace sluice::http::h1
