#include "proxy/http/grpc/bidi_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/http/h2/testing/server.h"

namespace sluice::http::grpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Framed(const std::string& message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) framed.push_back(static_cast<char>(size >> shift));
  return framed + message;
}

const h2::TestServer::Fields kHead = {{":status", "200"}, {"content-type", "application/grpc"}};

class BidiCallTest : public ::testing::Test,
                     public BidiCall::Events,
                     public h2::ClientConnection::Owner {
 protected:
  BidiCallTest() {
    EXPECT_TRUE(loop_.Init().ok());
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    server_ = std::make_unique<h2::TestServer>(net::Fd(fds[1]), h2::TestServer::Options());
    connection_ = std::make_unique<h2::ClientConnection>(io_, net::Fd(fds[0]), /*connecting=*/false,
                                                         *this, h2::ClientConnection::Options());
    EXPECT_TRUE(connection_->Start().ok());
    EXPECT_TRUE(call_->Start(*connection_, "cp:9400", "/a.B/C"));
    Turn();
  }

  // BidiCall::Events
  void OnMessage(std::string message) override {
    messages_.push_back(std::move(message));
    if (pauses_after_message_) call_->Pause();
  }
  void OnFinished(const absl::Status& status) override {
    ++finishes_;
    status_ = status;
  }
  void OnSendRoom() override { ++rooms_; }

  // ClientConnection::Owner
  void OnConnected() override {}
  void OnClosed(ResetReason) override {}
  void OnGoingAway() override {}
  void OnIdle() override {}
  void OnCapacity() override {}

  void Turn(int times = 4) {
    for (int i = 0; i < times; ++i) {
      loop_.RunOnce(absl::ZeroDuration());
      server_->Poll();
    }
  }

  SystemClock clock_;
  event::Loop loop_{clock_};
  net::BlockPool pool_{1 << 26};
  net::IoContext io_{loop_, pool_};
  std::unique_ptr<h2::TestServer> server_;
  std::unique_ptr<h2::ClientConnection> connection_;
  std::unique_ptr<BidiCall> call_ = std::make_unique<BidiCall>(io_, *this, BidiCall::Options());
  std::vector<std::string> messages_;
  bool pauses_after_message_ = false;
  int finishes_ = 0;
  absl::Status status_;
  int rooms_ = 0;
};

TEST_F(BidiCallTest, TheRequestIsWhatGrpcServersExpect) {
  const h2::TestServer::Request& request = server_->requests.at(1);
  EXPECT_EQ(request.Get(":method"), "POST");
  EXPECT_EQ(request.Get(":path"), "/a.B/C");
  EXPECT_EQ(request.Get(":authority"), "cp:9400");
  EXPECT_EQ(request.Get("content-type"), "application/grpc");
  EXPECT_EQ(request.Get("te"), "trailers");
}

TEST_F(BidiCallTest, MessagesGoBothWaysUntilTheServersStatus) {
  call_->Send("hello");
  call_->Send("");
  Turn();
  EXPECT_EQ(server_->requests.at(1).body, Framed("hello") + Framed(""));
  server_->SendHead(1, kHead);
  server_->SendBody(1, Framed("a") + Framed("b"), false);
  Turn();
  EXPECT_THAT(messages_, ElementsAre("a", "b"));
  EXPECT_EQ(finishes_, 0);
  server_->SendTrailers(1, {{"grpc-status", "14"}, {"grpc-message", "try%20later%21 100%"}});
  Turn();
  EXPECT_EQ(finishes_, 1);
  EXPECT_EQ(status_, absl::UnavailableError("try later! 100%"));
}

TEST_F(BidiCallTest, TheStatusMayComeInTheHeadAlone) {
  server_->Respond(1, {{":status", "200"},
                       {"content-type", "application/grpc"},
                       {"grpc-status", "7"},
                       {"grpc-message", "no"}});
  Turn();
  EXPECT_EQ(status_, absl::PermissionDeniedError("no"));
}

TEST_F(BidiCallTest, AnAnswerThatIsNotGrpcIsMappedByItsHttpStatus) {
  server_->Respond(1, {{":status", "503"}, {"content-type", "text/html"}}, "<h1>busy</h1>");
  Turn();
  EXPECT_EQ(status_.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(messages_, IsEmpty());
}

TEST_F(BidiCallTest, APageInPlaceOfGrpcIsNotTakenForMessages) {
  server_->Respond(1, {{":status", "200"}, {"content-type", "text/html"}}, Framed("<h1>"));
  Turn();
  EXPECT_EQ(status_.code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(messages_, IsEmpty());
}

TEST_F(BidiCallTest, AResponseWithoutStatusIsAnError) {
  server_->Respond(1, kHead, Framed("a"));
  Turn();
  EXPECT_THAT(messages_, ElementsAre("a"));
  EXPECT_EQ(status_.code(), absl::StatusCode::kUnknown);
}

TEST_F(BidiCallTest, AMessageCutByTheEndIsAnError) {
  server_->SendHead(1, kHead);
  server_->SendBody(1, Framed("abc").substr(0, 7), false);
  server_->SendTrailers(1, {{"grpc-status", "0"}});
  Turn();
  EXPECT_EQ(status_.code(), absl::StatusCode::kInternal);
}

TEST_F(BidiCallTest, AResetFinishesTheCall) {
  server_->SendReset(1, NGHTTP2_INTERNAL_ERROR);
  Turn();
  EXPECT_EQ(status_.code(), absl::StatusCode::kUnavailable);
  call_->Send("into nothing");
  Turn();
  EXPECT_EQ(finishes_, 1);
}

TEST_F(BidiCallTest, ALostConnectionFinishesTheCall) {
  server_->Close();
  Turn();
  EXPECT_EQ(status_.code(), absl::StatusCode::kUnavailable);
}

TEST_F(BidiCallTest, AFramingErrorEndsTheCallAtBothSides) {
  server_->SendHead(1, kHead);
  server_->SendBody(1, Framed("a") + std::string("\1\0\0\0\0", 5), false);
  Turn();
  EXPECT_THAT(messages_, ElementsAre("a"));
  EXPECT_EQ(status_.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(server_->requests.at(1).was_reset);
}

TEST_F(BidiCallTest, APauseTakenWithinAMessageHoldsTheNextOnes) {
  pauses_after_message_ = true;
  server_->SendHead(1, kHead);
  server_->SendBody(1, Framed("a") + Framed("b"), false);
  server_->SendTrailers(1, {{"grpc-status", "0"}});
  Turn();
  EXPECT_THAT(messages_, ElementsAre("a"));
  call_->Resume();
  EXPECT_THAT(messages_, ElementsAre("a"));
  Turn();
  EXPECT_THAT(messages_, ElementsAre("a", "b"));
  EXPECT_EQ(finishes_, 0);
  call_->Resume();
  Turn();
  EXPECT_EQ(finishes_, 1);
  EXPECT_TRUE(status_.ok());
}

TEST_F(BidiCallTest, DestroyingTheCallCancelsIt) {
  call_.reset();
  Turn();
  EXPECT_TRUE(server_->requests.at(1).was_reset);
  EXPECT_EQ(finishes_, 0);
}

}  // namespace
}  // namespace sluice::http::grpc
