// A server connection between a socket in the test's hand and exchanges that do what the test says.
#include "proxy/http/h1/server_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

namespace sluice::http::h1 {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// What an exchange was told; the test answers through `stream`.
struct TestExchange final : ServerStreamEvents {
  TestExchange(net::BlockPool& pool, ServerStream& server_stream)
      : stream(server_stream), arena(pool, memory, memory + sizeof(memory)), head(arena) {}

  RequestHead& request_head() override { return head; }
  void OnRequestHead(bool end) override {
    path = std::string(head.path);
    ended = end;
    if (pauses) stream.PauseBody();
  }
  void OnBadRequest(const LocalError& error) override { refused = error.details; }
  void OnRequestBody(net::Buffer&& piece) override { body += piece.ToString(); }
  void OnRequestEnd(const HeaderMap*) override { ended = true; }
  void OnClientReset(ResetReason why, const LocalError* error) override {
    reset = why;
    if (error != nullptr) refused = error->details;
  }
  void OnSendRoom() override { ++rooms; }
  size_t held_bytes() const override { return held; }

  void Answer(int status, absl::string_view content) {
    ResponseHead response(arena);
    response.status = status;
    response.body = BodySize::Length(content.size());
    stream.SendHead(response, false);
    net::Buffer out;
    out.AppendCopy(arena.pool(), content);
    stream.SendBody(std::move(out), true);
    stream.Release();
  }
  // The head of a response of `length`, and a part of its body.
  void AnswerPart(uint64_t length, absl::string_view part) {
    ResponseHead response(arena);
    response.status = 200;
    response.body = BodySize::Length(length);
    stream.SendHead(response, false);
    net::Buffer out;
    out.AppendCopy(arena.pool(), part);
    stream.SendBody(std::move(out), false);
  }

  ServerStream& stream;
  char memory[4096];
  Arena arena;
  RequestHead head;
  std::string path;
  std::string body;
  std::string refused;
  ResetReason reset = ResetReason::kNone;
  size_t held = 0;
  int rooms = 0;
  bool ended = false;
  bool pauses = false;
};

class ServerConnectionTest : public ::testing::Test,
                             public ServerConnection::Host,
                             public StreamAcceptor {
 protected:
  ServerConnectionTest() {
    EXPECT_TRUE(loop_.Init().ok());
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    client_ = net::Fd(fds[1]);
    ServerConnection::Host& host = *this;
    connection_ = std::make_unique<ServerConnection>(io_, net::Fd(fds[0]), net::Address(), 1, host);
    EXPECT_TRUE(connection_->Start().ok());
  }

  ~ServerConnectionTest() override {
    if (!is_closed_) connection_->CloseNow();
  }

  const ServerSettings& settings() const override { return settings_; }
  StreamAcceptor& acceptor() override { return *this; }
  bool is_draining() const override { return is_draining_; }
  RawHead& scratch_head() override { return scratch_head_; }
  void OnClosed(ServerCodec&) override { is_closed_ = true; }
  ServerStreamEvents* NewStream(ServerStream& stream) override {
    if (has_no_memory_) return nullptr;
    exchanges_.push_back(std::make_unique<TestExchange>(pool_, stream));
    exchanges_.back()->pauses = pauses_;
    return exchanges_.back().get();
  }

  void OnTargetRead(absl::string_view target) override { target_ = std::string(target); }

  void Send(absl::string_view bytes) {
    ASSERT_EQ(send(client_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    Turn();
  }
  void Turn(int times = 1) {
    while (times-- > 0) loop_.RunOnce(absl::ZeroDuration());
  }
  void Pass(absl::Duration time) {
    clock_.Advance(time);
    Turn(2);
  }
  // What has come; `ended` tells whether the end has, too.
  std::string Received(bool* ended = nullptr) {
    std::string all;
    char buffer[65536];
    ssize_t n;
    while ((n = recv(client_.get(), buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
      all.append(buffer, n);
    if (ended != nullptr) *ended = n == 0;
    return all;
  }
  TestExchange& last() { return *exchanges_.back(); }

  ManualClock clock_;
  event::Loop loop_{clock_};
  net::BlockPool pool_{1 << 24};
  net::IoContext io_{loop_, pool_};
  ServerSettings settings_;
  RawHead scratch_head_;
  net::Fd client_;
  std::vector<std::unique_ptr<TestExchange>> exchanges_;
  std::unique_ptr<ServerConnection> connection_;
  std::string target_;
  bool is_closed_ = false;
  bool is_draining_ = false;
  bool has_no_memory_ = false;
  bool pauses_ = false;
};

constexpr absl::string_view kGet = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(ServerConnectionTest, ATargetIsToldBeforeItsHeadIsThere) {
  Send("GET /a?b HTTP/1.1\r\nHost: a\r\n");
  EXPECT_EQ(target_, "/a?b");
  EXPECT_TRUE(exchanges_.empty());
}

// --- Time ----------------------------------------------------------------------------------------

TEST_F(ServerConnectionTest, AHeadThatDoesNotEndIsRefusedAfterItsTime) {
  Send("GET /slow HTTP/1.1\r\nHo");
  Pass(absl::Seconds(9));
  EXPECT_TRUE(exchanges_.empty());
  Pass(absl::Seconds(2));
  ASSERT_EQ(exchanges_.size(), 1u);
  EXPECT_EQ(last().refused, "request_header_timeout");
}

TEST_F(ServerConnectionTest, BytesThatTrickleDoNotExtendTheTimeOfAHead) {
  Send("GET /slow HTTP/1.1\r\n");
  for (int i = 0; i < 6; ++i) {
    Send("X-A: b\r\n");
    Pass(absl::Seconds(2));
  }
  ASSERT_EQ(exchanges_.size(), 1u);
  EXPECT_EQ(last().refused, "request_header_timeout");
}

TEST_F(ServerConnectionTest, AConnectionThatNeverSendsHasTheTimeOfAHead) {
  Pass(absl::Seconds(11));
  EXPECT_TRUE(is_closed_);
  EXPECT_EQ(Received(), "");
}

TEST_F(ServerConnectionTest, BetweenRequestsItHasTheLongerIdleTime) {
  Send(kGet);
  last().Answer(200, "ok");
  Pass(absl::Seconds(299));
  EXPECT_FALSE(is_closed_);
  Pass(absl::Seconds(2));
  EXPECT_TRUE(is_closed_);
}

TEST_F(ServerConnectionTest, ABodyThatIsTooSlowIsRefused) {
  Send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  Send("a little");
  Pass(absl::Seconds(6));
  EXPECT_EQ(last().refused, "request_body_timeout");
}

TEST_F(ServerConnectionTest, TimeThatWePausedDoesNotCountAgainstTheClient) {
  pauses_ = true;
  Send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + std::string(4000, 'x'));
  Pass(absl::Minutes(2));
  EXPECT_EQ(last().refused, "");
  last().stream.ResumeBody();
  Pass(absl::Seconds(1));
  EXPECT_EQ(last().refused, "") << "4,000 bytes are enough for eight seconds";
  EXPECT_EQ(last().body.size(), 4000u);
  Pass(absl::Seconds(9));
  EXPECT_EQ(last().refused, "request_body_timeout");
}

// --- Requests behind each other ------------------------------------------------------------------

TEST_F(ServerConnectionTest, ARequestBehindAnotherWaitsForItsEnd) {
  Send(std::string(kGet) + "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(exchanges_.size(), 1u);
  last().Answer(200, "a");
  Turn(2);
  ASSERT_EQ(exchanges_.size(), 2u);
  EXPECT_EQ(last().path, "/b");
}

TEST_F(ServerConnectionTest, AShortRestOfABodyIsReadAndTheNextRequestIsServed) {
  Send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  last().Answer(403, "no");
  Send("67890GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  Turn();
  ASSERT_EQ(exchanges_.size(), 2u);
  EXPECT_EQ(last().path, "/b");
  EXPECT_THAT(Received(), Not(HasSubstr("connection: close")));
}

TEST_F(ServerConnectionTest, ALongRestOfABodyClosesTheConnection) {
  Send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n12345");
  last().Answer(403, "no");
  Turn(2);
  bool ended = false;
  EXPECT_THAT(Received(&ended), HasSubstr("connection: close"));
  EXPECT_TRUE(ended);
}

TEST_F(ServerConnectionTest, ARestThatDoesNotComeIsNotWaitedForLong) {
  Send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  last().Answer(403, "no");
  Pass(absl::Seconds(6));
  EXPECT_TRUE(is_closed_);
}

TEST_F(ServerConnectionTest, WhatWasReadBehindAHeadThatPausesComesAfterTheResume) {
  pauses_ = true;
  Send(
      "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  Turn(3);
  EXPECT_EQ(last().body, "") << "paused";
  EXPECT_GT(connection_->held_bytes(), 0u);
  last().stream.ResumeBody();
  Turn();
  EXPECT_EQ(last().body, "abcdef");
  EXPECT_TRUE(last().ended);
  EXPECT_EQ(exchanges_.size(), 1u) << "the next request waits for the response";
}

// --- Ends ----------------------------------------------------------------------------------------

TEST_F(ServerConnectionTest, AClientThatGoesInMidBodyIsTold) {
  Send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  client_.Close();
  Turn();
  EXPECT_EQ(last().reset, ResetReason::kPeerClosed);
  EXPECT_EQ(last().refused, "");
  EXPECT_TRUE(is_closed_);
}

TEST_F(ServerConnectionTest, AClientThatHalfClosesIsStillAnswered) {
  Send(kGet);
  shutdown(client_.get(), SHUT_WR);
  Turn();
  last().Answer(200, "still here");
  Turn(2);
  EXPECT_THAT(Received(), EndsWith("still here"));
}

TEST_F(ServerConnectionTest, ARequestThatCannotBeReadIsAnsweredAndTheRestReadToItsEnd) {
  Send("GET / HTTP/9.9\r\n\r\nmore");
  EXPECT_NE(last().refused, "");
  last().Answer(400, "bad");
  Turn(2);
  bool ended = false;
  EXPECT_THAT(Received(&ended), EndsWith("bad"));
  EXPECT_TRUE(ended) << "the end is sent";
  EXPECT_FALSE(is_closed_) << "and what still comes is read, so that no reset destroys the answer";
  client_.Close();
  Turn();
  EXPECT_TRUE(is_closed_);
}

TEST_F(ServerConnectionTest, AClientThatGoesOnSendingIsNotReadForEver) {
  Send("GET / HTTP/9.9\r\n\r\nmore");
  last().Answer(400, "bad");
  Turn(2);
  Send("and more");
  EXPECT_FALSE(is_closed_);
  Pass(absl::Milliseconds(1100));
  EXPECT_TRUE(is_closed_);
}

TEST_F(ServerConnectionTest, DrainClosesAnIdleConnectionAtOnceAndABusyOneAfterItsResponse) {
  Send(kGet);
  connection_->Drain();
  EXPECT_FALSE(is_closed_);
  last().Answer(200, "last");
  Turn(2);
  EXPECT_THAT(Received(), AllOf(HasSubstr("connection: close"), EndsWith("last")));
  EXPECT_TRUE(is_closed_);
}

TEST_F(ServerConnectionTest, ALargeLastResponseIsSentToItsEnd) {
  Send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  last().AnswerPart(4 << 20, std::string(1 << 20, 'x'));
  EXPECT_TRUE(last().stream.is_send_blocked());
  net::Buffer rest;
  rest.AppendCopy(pool_, std::string(3 << 20, 'x'));
  last().stream.SendBody(std::move(rest), true);
  last().stream.Release();
  size_t received = 0;
  bool ended = false;
  while (!ended) {
    Turn();
    received += Received(&ended).size();
  }
  EXPECT_GT(received, size_t{4} << 20);
}

TEST_F(ServerConnectionTest, AResponseThatIsCutIsSentAsFarAsItGoes) {
  Send(kGet);
  last().AnswerPart(1000, "a part");
  last().stream.Reset(ResetReason::kLocalReset);
  Turn(2);
  bool ended = false;
  EXPECT_THAT(Received(&ended), EndsWith("a part"));
  EXPECT_TRUE(ended);
  EXPECT_TRUE(is_closed_);
}

// --- Memory --------------------------------------------------------------------------------------

TEST_F(ServerConnectionTest, WithoutMemoryForAnExchangeItAnswersByItselfAndCloses) {
  has_no_memory_ = true;
  Send(kGet);
  Turn();
  EXPECT_THAT(Received(), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("overload"),
                                HasSubstr("connection: close")));
  Pass(absl::Milliseconds(1100));
  EXPECT_TRUE(is_closed_);
}

TEST_F(ServerConnectionTest, ItHoldsWhatIsQueuedWhatWaitsAndWhatItsExchangeHolds) {
  EXPECT_EQ(connection_->held_bytes(), 0u);
  Send(kGet);
  last().held = 5000;
  EXPECT_EQ(connection_->held_bytes(), 5000u);
  last().AnswerPart(1 << 20, std::string(100'000, 'x'));
  EXPECT_GE(connection_->held_bytes(), 105'000u);
}

TEST_F(ServerConnectionTest, ShedBeforeTheResponseItAsksTheExchangeToAnswer) {
  Send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n12345");
  connection_->Shed();
  EXPECT_EQ(last().reset, ResetReason::kOverload);
  EXPECT_EQ(last().refused, "overload");
  last().Answer(503, "no room");
  Turn(2);
  EXPECT_THAT(Received(), EndsWith("no room"));
}

TEST_F(ServerConnectionTest, ShedInTheMiddleOfAResponseItIsCut) {
  Send(kGet);
  last().AnswerPart(1 << 20, std::string(100'000, 'x'));
  connection_->Shed();
  EXPECT_EQ(last().reset, ResetReason::kOverload);
  EXPECT_EQ(last().refused, "") << "nothing can be answered any more";
  EXPECT_TRUE(is_closed_);
  EXPECT_EQ(connection_->held_bytes(), 0u);
}

TEST_F(ServerConnectionTest, AClientThatDoesNotReadItsLastResponseCanBeShedToo) {
  Send(kGet);
  last().Answer(200, std::string(4 << 20, 'x'));
  Turn();
  EXPECT_GT(connection_->held_bytes(), size_t{1} << 20);
  connection_->Shed();
  EXPECT_TRUE(is_closed_);
  EXPECT_EQ(connection_->held_bytes(), 0u);
}

}  // namespace
}  // namespace sluice::http::h1
