#include "proxy/http/grpc/reply.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/http/arena.h"

namespace sluice::http::grpc {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(IsGrpcTest, TellsGrpcFromWhatOnlyBeginsLikeIt) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "Application/GRPC;a=b",
                           "application/grpc ; a"}) {
    EXPECT_TRUE(IsGrpc(type)) << type;
  }
  for (const char* type : {"", "application/grpc-web", "application/grpc-web+proto",
                           "application/grpcx", "application/json", "application/gr"}) {
    EXPECT_FALSE(IsGrpc(type)) << type;
  }
}

TEST(ParseTimeoutTest, EveryUnit) {
  EXPECT_EQ(ParseTimeout("2H"), 7200 * kSecond);
  EXPECT_EQ(ParseTimeout("3M"), 180 * kSecond);
  EXPECT_EQ(ParseTimeout("5S"), 5 * kSecond);
  EXPECT_EQ(ParseTimeout("7m"), 7'000'000);
  EXPECT_EQ(ParseTimeout("11u"), 11'000);
  EXPECT_EQ(ParseTimeout("13n"), 13);
  EXPECT_EQ(ParseTimeout("0S"), 0);
}

TEST(ParseTimeoutTest, TheLongestDoesNotOverflow) {
  ASSERT_TRUE(ParseTimeout("99999999H").has_value());
  EXPECT_GT(*ParseTimeout("99999999H"), 365 * 24 * 3600 * kSecond);
}

TEST(ParseTimeoutTest, WhatIsNoTimeoutIsNone) {
  for (const char* text : {"", "S", "5", "-5S", "5s", "123456789S", "5SS", "+5S", " 5S", "1.5S"}) {
    EXPECT_FALSE(ParseTimeout(text).has_value()) << text;
  }
}

class MakeTrailersOnlyTest : public ::testing::Test {
 protected:
  std::string CodeFor(int status, bool is_late = false) {
    ResponseHead head(arena_);
    head.status = status;
    MakeTrailersOnly("", is_late, head);
    return std::string(head.headers.Get("grpc-status"));
  }

  net::BlockPool pool_{1 << 20};
  char memory_[512];
  Arena arena_{pool_, memory_, memory_ + sizeof(memory_)};
};

TEST_F(MakeTrailersOnlyTest, MapsStatusesAsGrpcDoes) {
  EXPECT_EQ(CodeFor(400), "13");
  EXPECT_EQ(CodeFor(401), "16");
  EXPECT_EQ(CodeFor(403), "7");
  EXPECT_EQ(CodeFor(404), "12");
  EXPECT_EQ(CodeFor(429), "14");
  EXPECT_EQ(CodeFor(502), "14");
  EXPECT_EQ(CodeFor(503), "14");
  EXPECT_EQ(CodeFor(504), "14");
  EXPECT_EQ(CodeFor(413), "2");
  EXPECT_EQ(CodeFor(504, /*is_late=*/true), "4");
}

TEST_F(MakeTrailersOnlyTest, IsAWholeResponseWithAnEncodedMessage) {
  ResponseHead head(arena_);
  head.status = 503;
  MakeTrailersOnly("100% \xc3\xa9\n", false, head);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body.kind, BodySize::Kind::kLength);
  EXPECT_EQ(head.body.length, 0u);
  EXPECT_EQ(head.headers.Get("content-type"), "application/grpc");
  EXPECT_EQ(head.headers.Get("grpc-message"), "100%25 %C3%A9%0A");
}

}  // namespace
}  // namespace sluice::http::grpc
