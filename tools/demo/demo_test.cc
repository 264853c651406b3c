#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/demo/reply.h"
#include "tools/demo/request.h"

namespace sluice::demo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Gives one byte at a time: the worst that a network does.
RequestReader ReaderOf(std::string bytes) {
  return RequestReader([bytes = std::move(bytes), at = size_t{0}]() mutable {
    return at == bytes.size() ? std::string() : bytes.substr(at++, 1);
  });
}

Request To(absl::string_view target) {
  Request request;
  request.method = "GET";
  request.target = std::string(target);
  return request;
}

TEST(RequestReaderTest, RequestsFollowEachOtherWhateverTheirBodies) {
  RequestReader reader = ReaderOf(
      "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
      "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n"
      "GET /c?d=e HTTP/1.1\r\nHost:  h \r\n\r\n");
  EXPECT_EQ((*reader.Next())->body_bytes, 3u);
  EXPECT_EQ((*reader.Next())->body_bytes, 2u);
  const std::optional<Request> last = *reader.Next();
  EXPECT_EQ(last->path(), "/c");
  EXPECT_EQ(last->query("d"), "e");
  EXPECT_EQ(last->header("HOST"), "h");
  EXPECT_FALSE(reader.Next()->has_value());
}

TEST(RequestReaderTest, WhatIsNoRequestIsRefused) {
  for (const char* bad : {"hello\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                          "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                          "GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"}) {
    EXPECT_FALSE(ReaderOf(bad).Next().ok()) << bad;
  }
}

TEST(ReplyTest, AnEchoTellsWhatArrivedAndWhoAnswered) {
  Request request = To("/orders?x=1");
  request.headers = {{"X-Team", "a"}};
  request.body_bytes = 7;
  EXPECT_EQ(Answer(request, "one").parts[0],
            "upstream one\nGET /orders?x=1\nX-Team: a\nbody: 7 bytes\n");
}

TEST(ReplyTest, AnEchoIsJsonWhereThatIsAccepted) {
  Request request = To("/a\"b");
  request.headers = {{"Accept", "application/json"}, {"X", "\xff"}};
  const Reply reply = Answer(request, "one");
  EXPECT_EQ(reply.content_type, "application/json");
  EXPECT_THAT(reply.parts[0], HasSubstr(R"("target": "/a\"b")"));
  EXPECT_THAT(reply.parts[0], HasSubstr(R"(["X", "\u00ff"])"));
}

TEST(ReplyTest, PathsChooseStatusSizeDelayAndStream) {
  EXPECT_EQ(Answer(To("/status/503"), "").status, 503);
  EXPECT_EQ(Answer(To("/status/99"), "").status, 200);
  EXPECT_EQ(Answer(To("/bytes/1000"), "").parts[0].size(), 1000u);
  EXPECT_EQ(Answer(To("/slow?ms=20"), "").delay, absl::Milliseconds(20));
  const Reply stream = Answer(To("/stream?n=2&ms=1"), "");
  EXPECT_THAT(stream.parts, ElementsAre("line 1\n", "line 2\n"));
  EXPECT_EQ(stream.pause, absl::Milliseconds(1));
}

}  // namespace
}  // namespace sluice::demo
