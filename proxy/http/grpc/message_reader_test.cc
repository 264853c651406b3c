#include "proxy/http/grpc/message_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::http::grpc {
namespace {

using ::testing::ElementsAre;

std::string Framed(const std::string& message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) framed.push_back(static_cast<char>(size >> shift));
  return framed + message;
}

class MessageReaderTest : public ::testing::Test {
 protected:
  void Append(absl::string_view bytes) {
    net::Buffer buffer;
    buffer.AppendCopy(pool_, bytes);
    reader_.Append(std::move(buffer));
  }

  // Messages that are whole, and the error that ends them if there is one.
  std::vector<std::string> Take() {
    std::vector<std::string> messages;
    for (;;) {
      absl::StatusOr<std::optional<std::string>> next = reader_.Next();
      if (!next.ok())
        messages.push_back(std::string(absl::StatusCodeToString(next.status().code())));
      if (!next.ok() || !next->has_value()) return messages;
      messages.push_back(**next);
    }
  }

  net::BlockPool pool_{1 << 20};
  MessageReader reader_{100};
};

TEST_F(MessageReaderTest, SeveralMessagesOfOneFrameComeOneByOne) {
  Append(Framed("one") + Framed("") + Framed("three"));
  EXPECT_THAT(Take(), ElementsAre("one", "", "three"));
  EXPECT_TRUE(reader_.is_at_boundary());
}

TEST_F(MessageReaderTest, AMessageMayBeCutAnywhere) {
  const std::string bytes = Framed("hello") + Framed("world");
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    Append(bytes.substr(0, cut));
    std::vector<std::string> messages = Take();
    Append(bytes.substr(cut));
    for (std::string& message : Take()) messages.push_back(message);
    EXPECT_THAT(messages, ElementsAre("hello", "world")) << cut;
  }
}

TEST_F(MessageReaderTest, AnEndWithinAMessageIsSeen) {
  Append(Framed("hello").substr(0, 3));
  Take();
  EXPECT_FALSE(reader_.is_at_boundary());
  Append(Framed("hello").substr(3, 4));
  Take();
  EXPECT_FALSE(reader_.is_at_boundary());
}

TEST_F(MessageReaderTest, AMessageOfTheLimitIsTakenAndALongerOneRefusedByItsHead) {
  Append(Framed(std::string(100, 'x')));
  EXPECT_THAT(Take(), ElementsAre(std::string(100, 'x')));
  Append(Framed(std::string(101, 'x')).substr(0, 5));
  EXPECT_THAT(Take(), ElementsAre("RESOURCE_EXHAUSTED"));
}

TEST_F(MessageReaderTest, ACompressedMessageIsRefused) {
  Append(absl::string_view("\1\0\0\0\0", 5));
  EXPECT_THAT(Take(), ElementsAre("INTERNAL"));
}

}  // namespace
}  // namespace sluice::http::grpc
