#include "tools/bench/hairpin/message_reader.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace sluice::hairpin {
namespace {

using Kind = MessageReader::Kind;

constexpr absl::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n3;x=y\r\n...\r\n0\r\nTrailer: a\r\n\r\n";

TEST(MessageReaderTest, ALengthEndsTheBodyAndTheRestIsLeft) {
  MessageReader reader(Kind::kResponse);
  const absl::string_view message = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
  EXPECT_EQ(reader.Feed(absl::StrCat(message, "HTTP/1.1 404")), message.size());
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.status(), 200);
  EXPECT_EQ(reader.body_bytes(), 5u);
}

TEST(MessageReaderTest, ChunkFramingIsNotCountedAsBody) {
  MessageReader reader(Kind::kResponse);
  EXPECT_EQ(reader.Feed(kChunked), kChunked.size());
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.body_bytes(), 8u);
}

TEST(MessageReaderTest, WhereReadsCutAMessageDoesNotMatter) {
  MessageReader reader(Kind::kResponse);
  for (size_t cut = 1; cut < kChunked.size(); ++cut) {
    reader.Reset();
    ASSERT_EQ(reader.Feed(kChunked.substr(0, cut)), cut);
    ASSERT_FALSE(reader.done()) << cut;
    ASSERT_EQ(reader.Feed(kChunked.substr(cut)), kChunked.size() - cut);
    ASSERT_TRUE(reader.done()) << cut;
    ASSERT_EQ(reader.body_bytes(), 8u) << cut;
  }
}

TEST(MessageReaderTest, ARequestWithoutLengthHasNoBody) {
  MessageReader reader(Kind::kRequest);
  reader.Feed("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(reader.done());
  EXPECT_TRUE(reader.wants_close());
}

TEST(MessageReaderTest, AResponseWithoutLengthLastsUntilTheClose) {
  MessageReader reader(Kind::kResponse);
  reader.Feed("HTTP/1.1 200 OK\r\n\r\nabc");
  EXPECT_FALSE(reader.done());
  reader.Closed();
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.body_bytes(), 3u);
}

TEST(MessageReaderTest, ACloseBeforeTheLengthBreaksTheMessage) {
  MessageReader reader(Kind::kResponse);
  reader.Feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  reader.Closed();
  EXPECT_TRUE(reader.broken());
}

TEST(MessageReaderTest, InterimResponsesArePassedOver) {
  MessageReader reader(Kind::kResponse);
  reader.Feed("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.status(), 204);
}

TEST(MessageReaderTest, WhatIsNotHttpIsBroken) {
  for (absl::string_view bad :
       {"garbage\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    MessageReader reader(Kind::kResponse);
    reader.Feed(bad);
    EXPECT_TRUE(reader.broken()) << bad;
  }
}

}  // namespace
}  // namespace sluice::hairpin
