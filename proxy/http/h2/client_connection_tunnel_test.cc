// Upgrades, asked for by extended CONNECT (RFC 8441).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy/http/h2/testing/client_fixture.h"

namespace sluice::http::h2 {
namespace {

using ::testing::ElementsAre;

class TunnelTest : public ClientConnectionTest {
 protected:
  std::unique_ptr<Call> Ask() {
    RequestHead head(arena_);
    head.method = "GET";
    head.method_id = Method::kGet;
    head.authority = "a";
    head.path = "/chat";
    head.upgrade = "websocket";
    head.headers.Add("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    return Open(head);
  }
};

TEST_F(TunnelTest, AnUpgradeIsAskedForByExtendedConnectAndItsGrantIsA101) {
  Connect();
  const auto call = Ask();
  Turn();
  const TestServer::Request& request = server_->requests.at(1);
  EXPECT_EQ(request.Get(":method"), "CONNECT");
  EXPECT_EQ(request.Get(":protocol"), "websocket");
  EXPECT_EQ(request.Get(":path"), "/chat");
  EXPECT_EQ(request.Get("sec-websocket-key"), "(none)");
  EXPECT_FALSE(request.has_ended);
  server_->SendHead(1, {{":status", "200"}});
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 101"));
  // The example of RFC 6455 section 1.3.
  EXPECT_EQ(call->head->headers.Get("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_F(TunnelTest, ATunnelIsOpenBothWaysUntilEitherSideEnds) {
  Connect();
  const auto call = Ask();
  Turn();
  server_->SendHead(1, {{":status", "200"}});
  server_->SendBody(1, "hello", /*end=*/false);
  net::Buffer body;
  body.AppendCopy(pool_, "ping");
  Turn();
  call->stream->SendBody(std::move(body), /*end=*/false);
  Turn();
  EXPECT_EQ(server_->requests.at(1).body, "ping");
  EXPECT_FALSE(server_->requests.at(1).has_ended);
  call->stream->SendEnd(nullptr);
  Turn();
  EXPECT_TRUE(server_->requests.at(1).has_ended);
  server_->SendBody(1, "", /*end=*/true);
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 101", "body", "end"));
  EXPECT_EQ(call->body, "hello");
}

TEST_F(TunnelTest, ARefusalIsAResponseAsAnyOtherAndEndsTheStream) {
  Connect();
  auto call = Ask();
  Turn();
  server_->Respond(1, {{":status", "403"}}, "no");
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 403", "body", "end"));
  call.reset();
  Turn();
  EXPECT_TRUE(server_->requests.at(1).was_reset);
}

TEST_F(TunnelTest, AServerThatDoesNotGrantItIsAskedForThePage) {
  Connect({.grants_connect = false});
  const auto call = Ask();
  Turn();
  const TestServer::Request& request = server_->requests.at(1);
  EXPECT_EQ(request.Get(":method"), "GET");
  EXPECT_EQ(request.Get(":protocol"), "(none)");
  EXPECT_TRUE(request.has_ended);
  server_->Respond(1, {{":status", "200"}}, "page");
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 200", "body", "end"));
}

TEST_F(TunnelTest, WhoAsksBeforeTheServersSettingsAreThereWaitsForThem) {
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  connection_ = std::make_unique<ClientConnection>(io_, net::Fd(fds[0]), /*connecting=*/false,
                                                   *this, ClientConnection::Options());
  ASSERT_TRUE(connection_->Start().ok());
  auto gone = Ask();
  const auto call = Ask();
  loop_.RunOnce(absl::ZeroDuration());
  gone.reset();
  server_ = std::make_unique<TestServer>(net::Fd(fds[1]), TestServer::Options());
  Turn();
  ASSERT_EQ(server_->requests.size(), 1u);
  EXPECT_EQ(server_->requests.begin()->second.Get(":method"), "CONNECT");
  EXPECT_FALSE(call->is_over());
}

}  // namespace
}  // namespace sluice::http::h2
