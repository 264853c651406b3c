#include "proxy/http/h2/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/http/h2/testing/server.h"

namespace sluice::http::h2 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One request's user: what it was told, in order.
class Call final : public ClientStreamEvents {
 public:
  explicit Call(net::BlockPool& pool) : arena_(pool, nullptr, nullptr) {}
  ~Call() { Release(); }

  // Lets go of the stream, as users must.
  void Release() {
    if (stream != nullptr) std::exchange(stream, nullptr)->Reset(ResetReason::kNone);
  }

  Arena& arena() override { return arena_; }
  void OnInformational(ResponseHead& head) override {
    log.push_back("informational " + std::to_string(head.status));
  }
  void OnHead(ResponseHead& response, bool end) override {
    log.push_back("head " + std::to_string(response.status) + (end ? " end" : ""));
    head = &response;
    if (on_head) on_head();
  }
  void OnBody(net::Buffer&& bytes) override {
    if (body.empty()) log.push_back("body");
    body += bytes.ToString();
  }
  void OnEnd(const HeaderMap* map) override {
    log.push_back("end");
    trailers = map;
  }
  void OnReset(ResetReason why) override {
    log.push_back("reset");
    reason = why;
    had_sent_bytes = std::exchange(stream, nullptr)->has_sent_bytes();
  }
  void OnSendRoom() override { ++rooms; }

  bool is_over() const { return !log.empty() && (log.back() == "end" || log.back() == "reset"); }

  ClientStream* stream = nullptr;
  std::vector<std::string> log;
  ResponseHead* head = nullptr;
  const HeaderMap* trailers = nullptr;
  std::string body;
  ResetReason reason = ResetReason::kNone;
  bool had_sent_bytes = false;
  int rooms = 0;
  std::function<void()> on_head;

 private:
  Arena arena_;
};

class ClientConnectionTest : public ::testing::Test, public ClientConnection::Owner {
 protected:
  ClientConnectionTest() { EXPECT_TRUE(loop_.Init().ok()); }

  // Owner
  void OnConnected() override { events_.push_back("connected"); }
  void OnClosed(ResetReason reason) override {
    events_.push_back("closed");
    closed_reason_ = reason;
    loop().DeleteLater(std::move(connection_));
  }
  void OnGoingAway() override { events_.push_back("going away"); }
  void OnIdle() override { events_.push_back("idle"); }
  void OnCapacity() override { events_.push_back("capacity"); }

  virtual event::Loop& loop() { return loop_; }

  void Connect(const TestServer::Options& server = {},
               const ClientConnection::Options& client = {}) {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    server_ = std::make_unique<TestServer>(net::Fd(fds[1]), server);
    connection_ = std::make_unique<ClientConnection>(io_, net::Fd(fds[0]), /*connecting=*/false,
                                                     *this, client);
    ASSERT_TRUE(connection_->Start().ok());
    Turn();
  }

  // Lets both sides take what is there.
  void Turn(int times = 4) {
    for (int i = 0; i < times; ++i) {
      loop_.RunOnce(absl::ZeroDuration());
      server_->Poll();
    }
  }

  std::unique_ptr<Call> Open(const RequestHead& head, bool end = true) {
    auto call = std::make_unique<Call>(pool_);
    call->stream = connection_->NewStream(*call);
    EXPECT_NE(call->stream, nullptr);
    call->stream->SendHead(head, end);
    return call;
  }

  std::unique_ptr<Call> Get(absl::string_view path = "/") {
    RequestHead head(arena_);
    head.method = "GET";
    head.method_id = Method::kGet;
    head.authority = "example.com";
    head.path = path;
    return Open(head);
  }

  std::unique_ptr<Call> Post(BodySize size = BodySize::Unknown()) {
    RequestHead head(arena_);
    head.method = "POST";
    head.method_id = Method::kPost;
    head.authority = "example.com";
    head.path = "/";
    head.body = size;
    return Open(head, /*end=*/false);
  }

  net::Buffer Bytes(const std::string& text) {
    net::Buffer buffer;
    buffer.AppendCopy(pool_, text);
    return buffer;
  }

  // A stream's complete life, so that what follows finds a connection in use.
  void FinishOne() {
    auto call = Get();
    Turn();
    server_->Respond(server_->requests.rbegin()->first, {{":status", "200"}});
    Turn();
    call->Release();
    Turn();
    events_.clear();
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  net::BlockPool pool_{1 << 26};
  net::IoContext io_{loop_, pool_};
  Arena arena_{pool_, nullptr, nullptr};
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<ClientConnection> connection_;
  std::vector<std::string> events_;
  ResetReason closed_reason_ = ResetReason::kNone;
};

// --- Requests and responses.

TEST_F(ClientConnectionTest, ARequestArrivesAsItsHeadSaysAndItsResponseComesBack) {
  Connect();
  RequestHead head(arena_);
  head.method = "GET";
  head.method_id = Method::kGet;
  head.authority = "shop.example:8080";
  head.path = "/a";
  head.query = "b=1";
  head.headers.Add("x-one", "1");
  auto call = Open(head);
  Turn();
  const TestServer::Request& request = server_->requests.at(1);
  EXPECT_EQ(request.Get(":method"), "GET");
  EXPECT_EQ(request.Get(":scheme"), "http");
  EXPECT_EQ(request.Get(":authority"), "shop.example:8080");
  EXPECT_EQ(request.Get(":path"), "/a?b=1");
  EXPECT_EQ(request.Get("x-one"), "1");
  EXPECT_TRUE(request.has_ended);

  server_->Respond(1, {{":status", "200"}, {"content-length", "5"}, {"x-two", "2"}}, "hello");
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 200", "body", "end"));
  EXPECT_EQ(call->head->body.kind, BodySize::Kind::kLength);
  EXPECT_EQ(call->head->body.length, 5);
  EXPECT_FALSE(call->head->headers.Has(HeaderId::kContentLength));
  EXPECT_EQ(call->head->headers.Get("x-two"), "2");
  EXPECT_EQ(call->body, "hello");
}

TEST_F(ClientConnectionTest, HeadersOfOneConnectionAreNeverSent) {
  Connect();
  RequestHead head(arena_);
  head.method = "GET";
  head.path = "/";
  for (const char* name : {"connection", "keep-alive", "proxy-connection", "transfer-encoding",
                           "upgrade", "http2-settings", "host", "expect", "content-length"}) {
    head.headers.Add(name, "x");
  }
  head.headers.Add("te", "gzip");
  head.headers.Add("x-kept", "1");
  auto call = Open(head);
  Turn();
  EXPECT_THAT(server_->requests.at(1).fields,
              ElementsAre(std::pair(":method", "GET"), std::pair(":scheme", "http"),
                          std::pair(":path", "/"), std::pair("x-kept", "1")));
}

TEST_F(ClientConnectionTest, TeTrailersIsSentBecauseGrpcServersInsistOnIt) {
  Connect();
  RequestHead head(arena_);
  head.method = "POST";
  head.path = "/";
  head.headers.Add("te", "trailers");
  auto call = Open(head);
  Turn();
  EXPECT_EQ(server_->requests.at(1).Get("te"), "trailers");
}

TEST_F(ClientConnectionTest, ABodyOfKnownLengthIsSaidToHaveIt) {
  Connect();
  auto call = Post(BodySize::Length(3));
  call->stream->SendBody(Bytes("abc"), /*end=*/true);
  Turn();
  EXPECT_EQ(server_->requests.at(1).Get("content-length"), "3");
  EXPECT_EQ(server_->requests.at(1).body, "abc");
  EXPECT_TRUE(server_->requests.at(1).has_ended);
}

TEST_F(ClientConnectionTest, ManyRequestsShareTheConnectionAndEachGetsItsOwnResponse) {
  Connect();
  auto first = Get("/1");
  auto second = Get("/2");
  Turn();
  server_->Respond(3, {{":status", "200"}}, "second");
  server_->Respond(1, {{":status", "200"}}, "first");
  Turn();
  EXPECT_EQ(first->body, "first");
  EXPECT_EQ(second->body, "second");
}

TEST_F(ClientConnectionTest, TrailersTravelBothWays) {
  Connect();
  auto call = Post();
  call->stream->SendBody(Bytes("abc"), /*end=*/false);
  {
    HeaderMap trailers(arena_);
    std::string value = "up";
    trailers.Add("x-sum", value);
    call->stream->SendEnd(&trailers);
    value = "gone";
  }
  Turn();
  EXPECT_EQ(server_->requests.at(1).Get("x-sum"), "up");
  EXPECT_TRUE(server_->requests.at(1).has_ended);
  server_->SendHead(1, {{":status", "200"}});
  server_->SendBody(1, "answer", /*end=*/false);
  server_->SendTrailers(1, {{"x-sum", "down"}});
  Turn();
  ASSERT_THAT(call->log, ElementsAre("head 200", "body", "end"));
  ASSERT_NE(call->trailers, nullptr);
  EXPECT_EQ(call->trailers->Get("x-sum"), "down");
}

TEST_F(ClientConnectionTest, InterimResponsesComeBeforeTheFinalOne) {
  Connect();
  auto call = Get();
  Turn();
  server_->SendHead(1, {{":status", "100"}});
  server_->SendHead(1, {{":status", "102"}});
  server_->SendHead(1, {{":status", "103"}, {"link", "</a>"}});
  server_->Respond(1, {{":status", "200"}});
  Turn();
  EXPECT_THAT(call->log, ElementsAre("informational 100", "informational 103", "head 200 end"));
}

TEST_F(ClientConnectionTest, AFloodOfInterimResponsesIsAnError) {
  Connect();
  auto call = Get();
  Turn();
  for (int i = 0; i < 17; ++i) server_->SendHead(1, {{":status", "103"}});
  Turn();
  EXPECT_EQ(call->log.back(), "reset");
  EXPECT_EQ(call->reason, ResetReason::kProtocolError);
}

TEST_F(ClientConnectionTest, AnEmptyResponseSaysSoAndOneToHeadSaysNothing) {
  Connect();
  auto get = Get();
  RequestHead head(arena_);
  head.method = "HEAD";
  head.method_id = Method::kHead;
  head.authority = "example.com";
  head.path = "/";
  auto headed = Open(head);
  Turn();
  server_->Respond(1, {{":status", "200"}});
  server_->Respond(3, {{":status", "200"}});
  Turn();
  EXPECT_EQ(get->head->body.kind, BodySize::Kind::kLength);
  EXPECT_EQ(get->head->body.length, 0);
  EXPECT_EQ(headed->head->body.kind, BodySize::Kind::kNone);
}

TEST_F(ClientConnectionTest, AResponseToHeadKeepsTheLengthOfWhatGetWouldBring) {
  Connect();
  RequestHead head(arena_);
  head.method = "HEAD";
  head.method_id = Method::kHead;
  head.authority = "example.com";
  head.path = "/";
  auto call = Open(head);
  Turn();
  server_->Respond(1, {{":status", "200"}, {"content-length", "77"}});
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 200 end"));
  EXPECT_EQ(call->head->body.length, 77);
}

TEST_F(ClientConnectionTest, OnlyTheFirstRequestFindsAFreshConnection) {
  Connect();
  auto first = Get();
  EXPECT_FALSE(first->stream->is_reused());
  auto second = Get();
  EXPECT_TRUE(second->stream->is_reused());
}

// --- What a server does wrong.

TEST_F(ClientConnectionTest, ABodyOfAnotherLengthThanSaidIsAnError) {
  Connect();
  for (const char* length : {"3", "7"}) {
    auto call = Get();
    Turn();
    server_->Respond(server_->requests.rbegin()->first,
                     {{":status", "200"}, {"content-length", length}}, "hello");
    Turn();
    EXPECT_EQ(call->log.back(), "reset") << length;
    EXPECT_EQ(call->reason, ResetReason::kProtocolError) << length;
  }
}

TEST_F(ClientConnectionTest, InvalidFieldsAreErrorsOfTheirStreamAlone) {
  Connect();
  const std::vector<TestServer::Fields> bad = {
      {{":status", "200"}, {"X-Upper", "1"}},
      {{":status", "200"}, {"x", "a\r\nb: c"}},
      {{":status", "200"}, {"x y", "1"}},
      {{":status", "200"}, {"connection", "close"}},
      {{":status", "200"}, {"transfer-encoding", "chunked"}},
      {{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}},
      {{":status", "200"}, {"content-length", "-1"}},
      {{":status", "20"}},
      {{":status", "101"}},
      {{"x", "no status"}},
      {{"x", "1"}, {":status", "200"}},
      {{":status", "200"}, {":path", "/"}},
  };
  for (const TestServer::Fields& fields : bad) {
    auto call = Get();
    Turn();
    server_->Respond(server_->requests.rbegin()->first, fields);
    Turn();
    ASSERT_THAT(call->log, ElementsAre("reset")) << fields.back().first;
    EXPECT_EQ(call->reason, ResetReason::kProtocolError);
    EXPECT_TRUE(server_->requests.rbegin()->second.was_reset);
  }
  EXPECT_EQ(closed_reason_, ResetReason::kNone);
  EXPECT_FALSE(connection_->is_going_away());
}

TEST_F(ClientConnectionTest, AHeadBeyondTheLimitsIsAnErrorOfItsStream) {
  Connect({}, {.max_header_bytes = 1000, .max_headers = 10});
  TestServer::Fields many = {{":status", "200"}};
  for (int i = 0; i < 11; ++i) many.emplace_back("x", "");
  // ":status" takes 42 bytes, "x" 33 and its value.
  const TestServer::Fields large = {{":status", "200"}, {"x", std::string(926, 'x')}};
  for (const TestServer::Fields& fields : {many, large}) {
    auto call = Get();
    Turn();
    server_->Respond(server_->requests.rbegin()->first, fields);
    Turn();
    EXPECT_THAT(call->log, ElementsAre("reset"));
    EXPECT_EQ(call->reason, ResetReason::kProtocolError);
  }
  auto call = Get();
  Turn();
  server_->Respond(5, {{":status", "200"}, {"x", std::string(925, 'x')}});
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 200 end"));
}

TEST_F(ClientConnectionTest, GarbageEndsTheConnectionAndSaysWhy) {
  Connect();
  auto call = Get();
  Turn();
  server_->SendRaw("HTTP/1.1 200 OK\r\n\r\n");
  Turn();
  EXPECT_EQ(call->reason, ResetReason::kProtocolError);
  EXPECT_THAT(events_, ElementsAre("closed"));
  EXPECT_EQ(closed_reason_, ResetReason::kProtocolError);
  EXPECT_TRUE(server_->has_goaway);
}

TEST_F(ClientConnectionTest, AFloodOfEmptyDataFramesEndsTheConnection) {
  Connect();
  auto call = Get();
  Turn();
  server_->SendHead(1, {{":status", "200"}});
  const std::string empty_data(absl::string_view("\0\0\0\0\0\0\0\0\1", 9));
  std::string flood;
  for (int i = 0; i < 1001; ++i) flood += empty_data;
  server_->SendRaw(flood);
  Turn();
  EXPECT_EQ(call->reason, ResetReason::kProtocolError);
  EXPECT_EQ(closed_reason_, ResetReason::kProtocolError);
}

// --- Early ends.

TEST_F(ClientConnectionTest, AResetByTheServerIsToldApartFromARefusal) {
  Connect();
  auto reset = Get();
  auto refused = Get();
  Turn();
  server_->SendReset(1, NGHTTP2_INTERNAL_ERROR);
  server_->SendReset(3, NGHTTP2_REFUSED_STREAM);
  Turn();
  EXPECT_EQ(reset->reason, ResetReason::kPeerReset);
  EXPECT_TRUE(reset->had_sent_bytes);
  EXPECT_EQ(refused->reason, ResetReason::kPeerRefused);
}

TEST_F(ClientConnectionTest, GoawayRefusesTheStreamsAboveItAndLetsTheOthersEnd) {
  Connect();
  auto kept = Get();
  auto refused = Get();
  Turn();
  server_->SendGoaway(1, NGHTTP2_NO_ERROR);
  Turn();
  EXPECT_EQ(refused->reason, ResetReason::kPeerRefused);
  EXPECT_THAT(events_, ElementsAre("going away"));
  Call other(pool_);
  EXPECT_EQ(connection_->NewStream(other), nullptr);
  server_->Respond(1, {{":status", "200"}}, "last");
  Turn();
  EXPECT_EQ(kept->body, "last");
  EXPECT_EQ(kept->log.back(), "end");
  EXPECT_EQ(events_.back(), "closed");
  EXPECT_EQ(closed_reason_, ResetReason::kNone);
}

TEST_F(ClientConnectionTest, TheEndOfTheConnectionIsToldToEveryStream) {
  Connect();
  auto first = Get();
  auto second = Get();
  Turn();
  server_->Close();
  Turn();
  EXPECT_EQ(first->reason, ResetReason::kPeerClosed);
  EXPECT_EQ(second->reason, ResetReason::kPeerClosed);
  EXPECT_THAT(events_, ElementsAre("closed"));
  EXPECT_EQ(closed_reason_, ResetReason::kPeerClosed);
}

TEST_F(ClientConnectionTest, AResetRequestIsCancelledAtTheServerAndHearsNothingMore) {
  Connect();
  auto call = Get();
  Turn();
  server_->SendHead(1, {{":status", "200"}});
  Turn();
  call->Release();
  server_->SendBody(1, "late", /*end=*/true);
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 200"));
  EXPECT_EQ(connection_->stream_count(), 0);
  EXPECT_EQ(events_.back(), "idle");
}

TEST_F(ClientConnectionTest, AResetBeforeAnythingLeftLeavesNoTrace) {
  Connect();
  auto sent = Get();
  sent->Release();
  Call unsent(pool_);
  connection_->NewStream(unsent)->Reset(ResetReason::kLocalReset);
  Turn();
  EXPECT_THAT(server_->requests, IsEmpty());
  EXPECT_EQ(connection_->stream_count(), 0);
  FinishOne();  // The connection is as good as before.
}

TEST_F(ClientConnectionTest, AStreamMayBeResetAndAnotherOpenedWhileItsHeadIsTold) {
  Connect();
  auto call = Get();
  std::unique_ptr<Call> next;
  call->on_head = [&] {
    call->Release();
    next = Get("/next");
  };
  Turn();
  server_->Respond(1, {{":status", "500"}}, "gone");
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 500"));
  server_->Respond(3, {{":status", "200"}}, "fine");
  Turn();
  EXPECT_EQ(next->body, "fine");
}

TEST_F(ClientConnectionTest, ClosingTellsStreamsAndOwnerLater) {
  Connect();
  auto call = Get();
  Turn();
  connection_->Close(ResetReason::kConnectTimeout);
  EXPECT_THAT(call->log, IsEmpty());
  EXPECT_THAT(events_, IsEmpty());
  Turn();
  EXPECT_EQ(call->reason, ResetReason::kConnectTimeout);
  EXPECT_EQ(closed_reason_, ResetReason::kConnectTimeout);
}

TEST_F(ClientConnectionTest, AConnectionThatNeverCameAboutFailsItsStreams) {
  absl::StatusOr<net::Fd> listener = net::Listen(*net::Address::Parse("127.0.0.1:0"), 1);
  ASSERT_TRUE(listener.ok());
  const net::Address nobody = net::LocalAddress(listener->get());
  listener->Close();
  absl::StatusOr<net::Fd> fd = net::StartConnect(nobody);
  ASSERT_TRUE(fd.ok());
  connection_ = std::make_unique<ClientConnection>(io_, *std::move(fd), /*connecting=*/true, *this,
                                                   ClientConnection::Options());
  ASSERT_TRUE(connection_->Start().ok());
  auto call = Get();
  while (!call->is_over()) loop_.RunOnce(absl::Seconds(10));
  EXPECT_EQ(call->reason, ResetReason::kConnectFailed);
  EXPECT_FALSE(call->had_sent_bytes);
  EXPECT_EQ(closed_reason_, ResetReason::kConnectFailed);
}

TEST_F(ClientConnectionTest, ADrainedConnectionClosesWithGoawayAfterItsLastStream) {
  Connect();
  auto call = Get();
  Turn();
  connection_->Drain();
  Turn();
  EXPECT_TRUE(connection_->is_going_away());
  EXPECT_THAT(events_, IsEmpty());
  server_->Respond(1, {{":status", "200"}});
  Turn();
  EXPECT_EQ(events_.back(), "closed");
  EXPECT_EQ(closed_reason_, ResetReason::kNone);
  EXPECT_TRUE(server_->has_goaway);
  EXPECT_TRUE(server_->has_peer_closed);
}

// --- Capacity.

TEST_F(ClientConnectionTest, TheServersLimitOfStreamsIsKeptAndRoomIsTold) {
  Connect({.max_streams = 2});
  auto first = Get();
  auto second = Get();
  EXPECT_TRUE(connection_->is_full());
  Call third(pool_);
  EXPECT_EQ(connection_->NewStream(third), nullptr);
  Turn();
  EXPECT_THAT(events_, IsEmpty());
  server_->Respond(1, {{":status", "200"}});
  Turn();
  EXPECT_THAT(events_, ElementsAre("capacity"));
  third.stream = connection_->NewStream(third);
  EXPECT_NE(third.stream, nullptr);
}

TEST_F(ClientConnectionTest, ALimitThatIsRaisedTellsRoom) {
  Connect({.max_streams = 1});
  auto first = Get();
  Turn();
  server_->SendSettings(5);
  Turn();
  EXPECT_THAT(events_, ElementsAre("capacity"));
}

TEST_F(ClientConnectionTest, TheLastStreamsEndIsToldAsIdle) {
  Connect();
  auto first = Get();
  auto second = Get();
  Turn();
  server_->Respond(1, {{":status", "200"}});
  Turn();
  EXPECT_THAT(events_, IsEmpty());
  server_->Respond(3, {{":status", "200"}});
  Turn();
  EXPECT_THAT(events_, ElementsAre("idle"));
}

// --- Back-pressure.

TEST_F(ClientConnectionTest, APausedBodyStopsTheServerAtTheStreamsWindow) {
  Connect({}, {.stream_window = 100'000});
  auto call = Get();
  Turn();
  call->stream->PauseBody();
  server_->Respond(1, {{":status", "200"}}, std::string(1'000'000, 'x'));
  Turn(50);
  EXPECT_THAT(call->log, ElementsAre("head 200"));
  // 100,000 bytes in frames of 16 KiB, which share the blocks they were read into.
  EXPECT_LT(pool_.lent_bytes(), 400'000);
  call->stream->ResumeBody();
  EXPECT_EQ(call->body.size(), 0);
  Turn(200);
  EXPECT_EQ(call->body.size(), 1'000'000);
  EXPECT_EQ(call->log.back(), "end");
}

TEST_F(ClientConnectionTest, PausesAreCounted) {
  Connect();
  auto call = Get();
  Turn();
  call->stream->PauseBody();
  call->stream->PauseBody();
  server_->Respond(1, {{":status", "200"}}, "hello");
  call->stream->ResumeBody();
  Turn();
  EXPECT_EQ(call->body, "");
  call->stream->ResumeBody();
  Turn();
  EXPECT_EQ(call->body, "hello");
  EXPECT_EQ(call->log.back(), "end");
}

TEST_F(ClientConnectionTest, PausedStreamsDoNotStallTheOthers) {
  Connect({}, {.stream_window = 100'000, .connection_window = 100'000});
  std::vector<std::unique_ptr<Call>> paused;
  for (int i = 0; i < 5; ++i) paused.push_back(Get());
  auto free = Get();
  Turn();
  for (auto& call : paused) call->stream->PauseBody();
  for (int id = 1; id <= 11; id += 2) {
    server_->Respond(id, {{":status", "200"}}, std::string(300'000, 'x'));
  }
  Turn(200);
  EXPECT_EQ(free->body.size(), 300'000);
  EXPECT_EQ(paused[0]->body.size(), 0);
}

TEST_F(ClientConnectionTest, AWholeResponseIsDeliveredAlthoughTheConnectionEndsMeanwhile) {
  Connect();
  auto call = Get();
  Turn();
  call->stream->PauseBody();
  server_->Respond(1, {{":status", "200"}}, "hello");
  Turn();
  server_->Close();
  Turn();
  EXPECT_EQ(events_.back(), "closed");
  EXPECT_EQ(connection_, nullptr);
  call->stream->ResumeBody();
  Turn();
  EXPECT_EQ(call->body, "hello");
  EXPECT_EQ(call->log.back(), "end");
  call->Release();
  Turn();
}

TEST_F(ClientConnectionTest, AServerThatTakesNothingBlocksTheSenderUntilItDoes) {
  Connect({.stream_window = 65535, .opens_windows = false});
  auto call = Post();
  for (int i = 0; i < 20; ++i) call->stream->SendBody(Bytes(std::string(16'384, 'x')), i == 19);
  Turn(20);
  EXPECT_EQ(server_->requests.at(1).body.size(), 65535);
  EXPECT_TRUE(call->stream->is_send_blocked());
  EXPECT_EQ(call->rooms, 0);
  server_->AllowMore(1, 1'000'000);
  Turn(20);
  EXPECT_EQ(server_->requests.at(1).body.size(), 20 * 16'384);
  EXPECT_FALSE(call->stream->is_send_blocked());
  EXPECT_EQ(call->rooms, 1);
}

TEST_F(ClientConnectionTest, ALargeBodyArrivesUnchangedThroughASlowSocket) {
  Connect({.stream_window = 10'000'000});
  auto call = Post();
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    const std::string piece(static_cast<size_t>(1 + i * 37), static_cast<char>('a' + i % 26));
    call->stream->SendBody(Bytes(piece), false);
    sent += piece;
  }
  call->stream->SendEnd(nullptr);
  while (!server_->requests[1].has_ended) Turn(1);
  EXPECT_TRUE(server_->requests.at(1).body == sent);
}

TEST_F(ClientConnectionTest, AnEarlyResponseEndsTheRequestWithoutAnError) {
  Connect({.opens_windows = false});
  auto call = Post();
  for (int i = 0; i < 10; ++i) call->stream->SendBody(Bytes(std::string(16'384, 'x')), false);
  Turn(10);
  server_->Respond(1, {{":status", "413"}});
  server_->SendReset(1, NGHTTP2_NO_ERROR);
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 413 end"));
  EXPECT_FALSE(call->stream->is_send_blocked());
  call->stream->SendBody(Bytes("dropped"), true);
  call->Release();
  FinishOne();
}

TEST_F(ClientConnectionTest, ARequestResetInMidBodyLeavesTheConnectionInOrder) {
  Connect({.opens_windows = false});
  auto call = Post();
  for (int i = 0; i < 10; ++i) call->stream->SendBody(Bytes(std::string(16'384, 'x')), false);
  call->Release();
  Turn();
  auto other = Post();
  for (int i = 0; i < 10; ++i) other->stream->SendBody(Bytes(std::string(16'384, 'x')), false);
  Turn();
  other->Release();
  Turn();
  EXPECT_TRUE(server_->requests.at(3).was_reset);
  EXPECT_EQ(server_->requests.at(3).reset_code, NGHTTP2_CANCEL);
  FinishOne();
}

// --- Keep-alive.

class PingTest : public ClientConnectionTest {
 protected:
  // A loop on a clock that the test moves.
  PingTest() { EXPECT_TRUE(manual_loop_.Init().ok()); }
  ~PingTest() override { connection_.reset(); }

  event::Loop& loop() override { return manual_loop_; }

  void ConnectSilent() {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    server_ = std::make_unique<TestServer>(net::Fd(fds[1]), TestServer::Options());
    connection_ = std::make_unique<ClientConnection>(
        manual_io_, net::Fd(fds[0]), /*connecting=*/false, *this,
        ClientConnection::Options{.ping_after = absl::Seconds(10),
                                  .ping_timeout = absl::Seconds(5)});
    ASSERT_TRUE(connection_->Start().ok());
    Step(absl::ZeroDuration());
  }

  void Step(absl::Duration by, bool server_answers = true) {
    manual_clock_.Advance(by);
    for (int i = 0; i < 4; ++i) {
      manual_loop_.RunOnce(absl::ZeroDuration());
      if (server_answers) server_->Poll();
    }
  }

  ManualClock manual_clock_;
  event::Loop manual_loop_{manual_clock_};
  net::IoContext manual_io_{manual_loop_, pool_};
};

TEST_F(PingTest, ASilentServerIsAskedAndAnAnswerKeepsTheConnection) {
  ConnectSilent();
  Step(absl::Seconds(9));
  EXPECT_EQ(server_->pings, 0);
  Step(absl::Seconds(1.1));
  EXPECT_EQ(server_->pings, 1);
  Step(absl::Seconds(5.1));
  EXPECT_THAT(events_, IsEmpty());
  EXPECT_EQ(server_->pings, 1);
  Step(absl::Seconds(5));
  EXPECT_EQ(server_->pings, 2);
}

TEST_F(PingTest, AServerThatDoesNotAnswerIsDead) {
  ConnectSilent();
  Step(absl::Seconds(10.1), /*server_answers=*/false);
  Step(absl::Seconds(4), /*server_answers=*/false);
  EXPECT_THAT(events_, IsEmpty());
  auto call = Get();
  Step(absl::Seconds(1.1), /*server_answers=*/false);
  EXPECT_THAT(events_, ElementsAre("closed"));
  EXPECT_EQ(call->reason, ResetReason::kPeerClosed);
}

}  // namespace
}  // namespace sluice::http::h2
