#include "proxy/plugins/grpc_web/plugin.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/grpc_web.pb.h"

namespace sluice::plugins {
namespace {

const std::string kMessage("\0\0\0\0\5hello", 10);

class GrpcWebTest : public ::testing::Test {
 protected:
  GrpcWebTest() {
    h_.Add(&MakeGrpcWeb);
    Answer({kMessage});
  }

  void Answer(std::vector<std::string> pieces) {
    h_.SetUpstreamResponse(200, {{"content-type", "application/grpc+proto"}}, std::move(pieces));
    h_.SetUpstreamTrailers({{"grpc-status", "0"}});
  }
  void Call(const std::string& type, std::vector<std::string> pieces,
            PluginHarness::HeaderList more = {}) {
    more.emplace_back("content-type", type);
    h_.Request("POST", "/pkg.Service/Method", more, std::move(pieces));
  }
  std::string Type(const http::HeaderMap& headers) {
    return std::string(headers.Get(http::HeaderId::kContentType));
  }

  PluginHarness h_;
};

TEST_F(GrpcWebTest, ABinaryCallBecomesGrpcAndItsTrailersTheLastFrame) {
  Call("application/grpc-web+proto", {kMessage});
  EXPECT_EQ(Type(h_.request().headers), "application/grpc+proto");
  EXPECT_EQ(h_.request().headers.Get("te"), "trailers");
  EXPECT_EQ(h_.request_body(), kMessage);
  EXPECT_EQ(Type(h_.response().headers), "application/grpc-web+proto");
  EXPECT_EQ(h_.response_body(), kMessage + std::string("\x80\0\0\0\x10", 5) + "grpc-status: 0\r\n");
  EXPECT_EQ(h_.response_trailers(), "");
}

TEST_F(GrpcWebTest, ATextCallIsBase64BothWays) {
  Call("application/grpc-web-text", {absl::Base64Escape(kMessage)});
  EXPECT_EQ(Type(h_.request().headers), "application/grpc");
  EXPECT_EQ(h_.request_body(), kMessage);
  EXPECT_EQ(Type(h_.response().headers), "application/grpc-web-text+proto");
  std::string decoded;
  ASSERT_TRUE(absl::Base64Unescape(h_.response_body(), &decoded));
  EXPECT_EQ(decoded.substr(0, kMessage.size()), kMessage);
  EXPECT_NE(decoded.find("grpc-status: 0\r\n"), std::string::npos);
}

TEST_F(GrpcWebTest, TextMayComeInAnyPiecesWithPaddingInside) {
  const std::string text = absl::Base64Escape("a") + absl::Base64Escape("bc") +
                           absl::Base64Escape(std::string(5000, 'x'));
  std::vector<std::string> pieces;
  for (const char c : text) pieces.emplace_back(1, c);
  Call("application/grpc-web-text", pieces);
  EXPECT_EQ(h_.request_body(), "abc" + std::string(5000, 'x'));
  Call("application/grpc-web-text", {text});
  EXPECT_EQ(h_.request_body(), "abc" + std::string(5000, 'x'));
}

TEST_F(GrpcWebTest, WhatIsNoBase64IsABadRequest) {
  for (const char* text : {"????", "abc", "a===", "ab=c", "ab\n=", "="}) {
    Call("application/grpc-web-text", {text});
    ASSERT_TRUE(h_.has_reply()) << text;
    EXPECT_STREQ(h_.reply().details, "grpc_web_bad_base64");
  }
}

TEST_F(GrpcWebTest, TheClientSaysInWhichFormItWantsTheResponse) {
  Call("application/grpc-web", {kMessage}, {{"accept", "application/grpc-web-text"}});
  EXPECT_EQ(Type(h_.response().headers), "application/grpc-web-text+proto");
  Call("application/grpc-web-text", {absl::Base64Escape(kMessage)},
       {{"accept", "application/grpc-web"}});
  EXPECT_EQ(Type(h_.response().headers), "application/grpc-web+proto");
}

TEST_F(GrpcWebTest, OtherRequestsAndResponsesPass) {
  for (const char* type : {"application/grpc", "application/json", "application/grpc-webby"}) {
    Call(type, {"????"});
    EXPECT_EQ(Type(h_.request().headers), type);
    EXPECT_EQ(h_.request_body(), "????");
    EXPECT_EQ(h_.response_body(), kMessage);
    EXPECT_EQ(h_.response_trailers(), "grpc-status: 0\n");
  }
  h_.SetUpstreamResponse(502, {{"content-type", "text/html"}}, {"sorry"});
  Call("application/grpc-web", {kMessage});
  EXPECT_EQ(h_.response_body(), "sorry");
}

TEST_F(GrpcWebTest, EachPieceOfAStreamCanBeDecodedByItself) {
  Answer({"a", "bc", "def"});
  Call("application/grpc-web-text", {absl::Base64Escape(kMessage)});
  EXPECT_EQ(h_.response_body().substr(0, 8), "YQ==YmM=");
}

}  // namespace
}  // namespace sluice::plugins
