// A client connection between exchanges that do what the test says and a server's socket in its
// hand.
#include "proxy/http/h1/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

namespace sluice::http::h1 {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::StartsWith;

class ClientConnectionTest : public ::testing::Test,
                             public ClientConnection::Host,
                             public ClientStreamEvents {
 protected:
  ClientConnectionTest() {
    EXPECT_TRUE(loop_.Init().ok());
    Connect();
  }

  ~ClientConnectionTest() override { connection_->Close(); }

  void Connect() {
    if (connection_ != nullptr) connection_->Close();
    reset_ = ResetReason::kNone;
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    server_ = net::Fd(fds[1]);
    ClientConnection::Host& host = *this;
    connection_ = std::make_unique<ClientConnection>(io_, net::Fd(fds[0]), host, 5'000'000'000);
    EXPECT_TRUE(connection_->Start().ok());
    Turn();
  }

  void OnConnected(ClientConnection&) override { Note("connected"); }
  void OnIdle(ClientConnection&) override { Note("idle"); }
  void OnClosed(ClientConnection&, ResetReason reason) override {
    Note("closed");
    closed_for_ = reason;
  }
  RawHead& scratch_head() override { return scratch_head_; }

  Arena& arena() override { return arena_; }
  void OnInformational(ResponseHead& head) override {
    Note("informational " + std::to_string(head.status));
  }
  void OnHead(ResponseHead& head, bool end) override {
    Note("head " + std::to_string(head.status));
    if (end) LetGo();
  }
  void OnBody(net::Buffer&& body) override {
    body_ += body.ToString();
    if (pauses_) stream_->PauseBody();
  }
  void OnEnd(const HeaderMap*) override {
    Note("end");
    LetGo();
  }
  void OnReset(ResetReason reason) override {
    Note("reset");
    reset_ = reason;
    had_sent_ = stream_->has_sent_bytes();
  }
  void OnSendRoom() override {}

  void Note(std::string what) { notes_.push_back(std::move(what)); }
  void LetGo() { stream_->Reset(ResetReason::kNone); }
  void Turn(int times = 1) {
    while (times-- > 0) loop_.RunOnce(absl::ZeroDuration());
  }

  // Takes the connection and sends the head of a request.
  void Begin(Method method = Method::kGet, BodySize body = BodySize::None(),
             absl::string_view upgrade = "") {
    notes_.clear();
    stream_ = &connection_->Begin(*this);
    RequestHead head(arena_);
    head.upgrade = upgrade;
    head.method_id = method;
    head.method = method == Method::kGet ? "GET" : "PUT";
    head.path = "/";
    head.authority = "a";
    head.body = body;
    stream_->SendHead(head, !body.has_bytes());
  }
  void SendBody(absl::string_view bytes, bool end) {
    net::Buffer piece;
    piece.AppendCopy(pool_, bytes);
    stream_->SendBody(std::move(piece), end);
  }
  void Serve(absl::string_view bytes) {
    ASSERT_EQ(send(server_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string Received() {
    char buffer[65536];
    const ssize_t n = recv(server_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    return n <= 0 ? "" : std::string(buffer, static_cast<size_t>(n));
  }

  ManualClock clock_;
  event::Loop loop_{clock_};
  net::BlockPool pool_{1 << 24};
  net::IoContext io_{loop_, pool_};
  RawHead scratch_head_;
  char memory_[8192];
  Arena arena_{pool_, memory_, memory_ + sizeof(memory_)};
  net::Fd server_;
  std::unique_ptr<ClientConnection> connection_;
  ClientStream* stream_ = nullptr;
  std::vector<std::string> notes_;
  std::string body_;
  ResetReason reset_ = ResetReason::kNone;
  ResetReason closed_for_ = ResetReason::kNone;
  bool had_sent_ = false;
  bool pauses_ = false;
};

// --- Between requests ----------------------------------------------------------------------------

TEST_F(ClientConnectionTest, ItTellsWhenItIsOpen) { EXPECT_THAT(notes_, ElementsAre("connected")); }

TEST_F(ClientConnectionTest, AfterAWholeResponseItCanCarryAnother) {
  for (int i = 0; i < 3; ++i) {
    Begin();
    Turn();
    EXPECT_THAT(Received(), StartsWith("GET / HTTP/1.1"));
    Serve("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    Turn();
    EXPECT_THAT(notes_, ElementsAre("head 200", "end", "idle"));
    EXPECT_EQ(connection_->is_idle(), true);
  }
  EXPECT_TRUE(connection_->is_reused());
}

TEST_F(ClientConnectionTest, BytesThatNobodyAskedForEndAnIdleConnection) {
  Serve("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  Turn();
  EXPECT_THAT(notes_, ElementsAre("connected", "closed"));
}

TEST_F(ClientConnectionTest, BytesBehindAResponseEndTheConnection) {
  Begin();
  Turn();
  Serve("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
  Turn();
  EXPECT_THAT(notes_, ElementsAre("head 200", "end", "closed"));
}

TEST_F(ClientConnectionTest, AResponseBeforeTheRequestIsWholeEndsTheConnection) {
  Begin(Method::kPut, BodySize::Length(10));
  SendBody("12345", false);
  Turn();
  Serve("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n");
  Turn();
  EXPECT_THAT(notes_, ElementsAre("head 403", "closed"));
}

// The client of an HTTP/2 stream may tell the end apart from the last bytes, and later.
TEST_F(ClientConnectionTest, ARequestIsWholeWithTheLastByteOfItsLength) {
  Begin(Method::kPut, BodySize::Length(10));
  SendBody("12345", false);
  SendBody("67890", false);
  Turn();
  EXPECT_THAT(Received(), EndsWith("1234567890"));
  Serve("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  Turn();
  EXPECT_THAT(notes_, ElementsAre("head 200", "idle"));
}

TEST_F(ClientConnectionTest, AServerThatSaysCloseIsNotUsedAgain) {
  Begin();
  Turn();
  Serve("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  Turn();
  EXPECT_THAT(notes_, ElementsAre("head 200", "end", "closed"));
}

// --- Failures ------------------------------------------------------------------------------------

TEST_F(ClientConnectionTest, AServerThatGoesBeforeAnythingWasSentSaysSo) {
  Begin();
  server_.Close();
  // The end is seen before the turn's writes leave.
  Turn();
  EXPECT_EQ(reset_, ResetReason::kPeerClosed);
  EXPECT_FALSE(had_sent_) << "so that any request may be repeated";
}

TEST_F(ClientConnectionTest, AServerThatGoesAfterTheRequestWasSentSaysSo) {
  Begin();
  Turn();
  server_.Close();
  Turn();
  EXPECT_EQ(reset_, ResetReason::kPeerClosed);
  EXPECT_TRUE(had_sent_);
}

// An attempt may be repeated for the former, whose connection nobody may have read from.
TEST_F(ClientConnectionTest, AServerThatGoesWithinItsHeadResets) {
  for (const char* begun : {"HTTP/1.1 20", "HTTP/1.1 103 Early Hints\r\n\r\n"}) {
    SCOPED_TRACE(begun);
    Connect();
    Begin();
    Turn();
    Received();
    Serve(begun);
    server_.Close();
    Turn(2);
    EXPECT_EQ(reset_, ResetReason::kPeerReset);
  }
}

TEST_F(ClientConnectionTest, AnAnswerIsReadThoughTheRequestCannotBeWrittenAnyMore) {
  Begin(Method::kPut, BodySize::Length(10));
  Turn();
  Received();
  Serve("HTTP/1.1 413 Large\r\ncontent-length: 2\r\n\r\nno");
  server_.Close();
  SendBody("12345", false);
  Turn(2);
  EXPECT_THAT(notes_, ElementsAre("head 413", "end", "closed"));
  EXPECT_EQ(body_, "no");
}

TEST_F(ClientConnectionTest, ABodyThatIsTooShortIsAReset) {
  Begin();
  Turn();
  Serve("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345");
  server_.Close();
  Turn(2);
  EXPECT_THAT(notes_, ElementsAre("head 200", "reset", "closed"));
  EXPECT_EQ(body_, "12345");
}

TEST_F(ClientConnectionTest, ABodyWithoutLengthEndsWithTheConnection) {
  Begin();
  Turn();
  Received();  // Or else its end would be a reset.
  Serve("HTTP/1.1 200 OK\r\n\r\nall of it");
  server_.Close();
  Turn(2);
  EXPECT_THAT(notes_, ElementsAre("head 200", "end", "closed"));
  EXPECT_EQ(body_, "all of it");
}

TEST_F(ClientConnectionTest, WhatIsNoResponseIsAProtocolError) {
  Begin();
  Turn();
  Serve("SSH-2.0-OpenSSH\r\n\r\n");
  Turn();
  EXPECT_EQ(reset_, ResetReason::kProtocolError);
}

TEST_F(ClientConnectionTest, AHeadOrTrailersBeyondTheLimitsSaySo) {
  const std::string large = "x: " + std::string(62'000, 'x') + "\r\n\r\n";
  std::string many;
  for (int i = 0; i < 201; ++i) many += "x: y\r\n";
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const std::string body = head + "transfer-encoding: chunked\r\n\r\n0\r\n";
  for (const std::string& response : {head + large, head + many + "\r\n", body + many + "\r\n"}) {
    SCOPED_TRACE(response.size());
    Connect();
    Begin();
    Turn();
    Serve(response);
    Turn(4);
    EXPECT_EQ(reset_, ResetReason::kHeadTooLarge);
  }
}

TEST_F(ClientConnectionTest, ASwitchToWhatWasNotAskedForIsAProtocolError) {
  const std::string head = "HTTP/1.1 101 Switching Protocols\r\n";
  const struct {
    const char* asked;
    std::string granted;
    ResetReason reset;
  } cases[] = {
      {"", "upgrade: x\r\nconnection: upgrade\r\n", ResetReason::kProtocolError},
      {"x", "upgrade: y\r\nconnection: upgrade\r\n", ResetReason::kProtocolError},
      {"x", "upgrade: x/2\r\nconnection: upgrade\r\n", ResetReason::kProtocolError},
      {"x", "connection: upgrade\r\n", ResetReason::kProtocolError},
      {"x", "upgrade: x\r\n", ResetReason::kProtocolError},
      {"x", "", ResetReason::kProtocolError},
      {"x", "upgrade: X\r\nconnection: Upgrade\r\n", ResetReason::kNone},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.granted);
    Connect();
    Begin(Method::kGet, BodySize::None(), test.asked);
    Turn();
    Serve(head + test.granted + "\r\n");
    Turn();
    EXPECT_EQ(reset_, test.reset);
  }
}

TEST_F(ClientConnectionTest, AFloodOfInterimResponsesIsAProtocolError) {
  Begin();
  Turn();
  std::string flood;
  for (int i = 0; i < 17; ++i) flood += "HTTP/1.1 103 Early Hints\r\n\r\n";
  Serve(flood);
  Turn();
  EXPECT_EQ(reset_, ResetReason::kProtocolError);
  EXPECT_EQ(notes_.size(), 16u + 2u) << "sixteen were passed on";
}

// --- Back-pressure -------------------------------------------------------------------------------

TEST_F(ClientConnectionTest, APausedBodyComesToItsEndAfterTheResume) {
  pauses_ = true;
  Begin();
  Turn();
  Serve("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
  Turn();
  Serve("3\r\ndef\r\n0\r\n\r\n");
  Turn(3);
  EXPECT_EQ(body_, "abc");
  EXPECT_THAT(notes_, ElementsAre("head 200"));
  pauses_ = false;
  stream_->ResumeBody();
  Turn(2);
  EXPECT_EQ(body_, "abcdef");
  EXPECT_THAT(notes_, ElementsAre("head 200", "end", "idle"));
}

TEST_F(ClientConnectionTest, EachPauseNeedsItsResume) {
  Begin();
  Turn();
  stream_->PauseBody();
  stream_->PauseBody();
  Serve("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  stream_->ResumeBody();
  Turn(2);
  EXPECT_EQ(body_, "");
  stream_->ResumeBody();
  Turn(2);
  EXPECT_EQ(body_, "ok");
}

TEST_F(ClientConnectionTest, ItHoldsWhatTheServerDoesNotRead) {
  Begin(Method::kPut, BodySize::Length(8 << 20));
  SendBody(std::string(4 << 20, 'x'), false);
  Turn();
  EXPECT_TRUE(stream_->is_send_blocked());
  EXPECT_GT(stream_->held_bytes(), size_t{1} << 20);
}

}  // namespace
}  // namespace sluice::http::h1
