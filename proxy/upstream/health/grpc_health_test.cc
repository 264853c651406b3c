#include "proxy/upstream/health/grpc_health.h"

#include <gtest/gtest.h>

namespace sluice::upstream::health {
namespace {

using std::string_literals::operator""s;

TEST(GrpcHealthTest, ARequestIsAFramedMessage) {
  EXPECT_EQ(EncodeRequest(""), "\0\0\0\0\0"s);
  EXPECT_EQ(EncodeRequest("shop.Orders"), "\0\0\0\0\x0d\x0a\x0bshop.Orders"s);
  EXPECT_EQ(EncodeRequest(std::string(200, 'a')).substr(0, 8), "\0\0\0\0\xcb\x0a\xc8\x01"s);
}

TEST(GrpcHealthTest, TheStatusIsTheFirstFieldWhateverStandsBesides) {
  EXPECT_EQ(DecodeStatus("\x08\x01"), kServing);
  EXPECT_EQ(DecodeStatus(""), 0u);
  EXPECT_EQ(DecodeStatus("\x08\x01\x08\x02"), 2u);
  EXPECT_EQ(DecodeStatus("\x12\x02hi\x08\x01\x1d\1\2\3\4\x21\1\2\3\4\5\6\7\x08"), kServing);
  EXPECT_EQ(DecodeStatus("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), UINT64_MAX);
}

TEST(GrpcHealthTest, WhatIsCutOrNoMessageIsRefused) {
  for (const std::string& bytes :
       {"\x08"s, "\x08\x80"s, "\x12\x05hi"s, "\x1d\1\2\3"s, "\x21\1"s, "\x00\x01"s, "\x0b"s,
        "\x0f"s, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s,
        "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s}) {
    EXPECT_EQ(DecodeStatus(bytes), std::nullopt) << ::testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace sluice::upstream::health
