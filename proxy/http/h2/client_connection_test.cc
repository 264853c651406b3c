// Requests and responses.
#include "proxy/http/h2/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy/http/h2/testing/client_fixture.h"

namespace sluice::http::h2 {
namespace {

using ::testing::ElementsAre;

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

}  // namespace
}  // namespace sluice::http::h2
