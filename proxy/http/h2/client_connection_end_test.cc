// How streams and connections end, and what a server does wrong.
#include "proxy/http/h2/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/http/h2/testing/client_fixture.h"

namespace sluice::http::h2 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

TEST_F(ClientConnectionTest, AStatusBelow100IsAnErrorAndBringsNoBody) {
  Connect();
  auto call = Get();
  Turn();
  server_->Respond(1, {{":status", "099"}}, "hello");
  Turn();
  EXPECT_THAT(call->log, ElementsAre("reset"));
  EXPECT_EQ(call->reason, ResetReason::kProtocolError);
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
    EXPECT_EQ(call->reason, ResetReason::kHeadTooLarge);
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

TEST_F(ClientConnectionTest, ASettingThatLiftsAWindowBeyondItsBoundEndsTheConnection) {
  Connect();
  auto call = Get();
  Turn();
  // WINDOW_UPDATE by 2^31 - 2^16 on the stream; an initial window of 2^31 - 1.
  server_->SendRaw({"\0\0\4\x8\0\0\0\0\1\x7f\xff\0\0", 13});
  server_->SendRaw({"\0\0\6\4\0\0\0\0\0\0\4\x7f\xff\xff\xff", 15});
  Turn();
  EXPECT_EQ(server_->goaway_code, NGHTTP2_FLOW_CONTROL_ERROR);
  EXPECT_EQ(call->reason, ResetReason::kProtocolError);
  EXPECT_EQ(closed_reason_, ResetReason::kProtocolError);
}

TEST_F(ClientConnectionTest, ASettingThatFillsWindowsToTheirBoundIsFine) {
  Connect();
  auto call = Get();
  Turn();
  server_->SendRaw({"\0\0\6\4\0\0\0\0\0\0\4\x7f\xff\xff\xff", 15});
  server_->Respond(1, {{":status", "200"}});
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 200 end"));
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
