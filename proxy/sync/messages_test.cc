#include "proxy/sync/messages.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/sync/testing/update.h"
#include "proxy/sync/testing/views.h"
#include "sluice/v1/config_stream.pb.h"

namespace sluice::sync {
namespace {

Generation SomeGeneration() { return {TestStoreId(), 2, 42, std::string(kViewHashBytes, 'h')}; }

v1::ProxyMessage Parsed(const std::string& bytes) {
  v1::ProxyMessage message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

TEST(MessagesTest, HelloSaysWhoItIsAndWhatItHolds) {
  const Identity identity{"edge-1", {"edge", "eu"}, "0.1.0", 3, {"key_auth"}, 17, 18};
  const v1::Hello hello = Parsed(EncodeHello(identity, SomeGeneration(), std::nullopt)).hello();
  EXPECT_EQ(hello.node(), "edge-1");
  EXPECT_EQ(hello.groups_size(), 2);
  EXPECT_EQ(hello.build(), "0.1.0");
  EXPECT_EQ(hello.schema(), 3);
  EXPECT_EQ(hello.plugins(0), "key_auth");
  EXPECT_EQ(hello.started_at_ns(), 17);
  EXPECT_EQ(hello.instance(), 18);
  EXPECT_EQ(hello.active().number(), 42);
  EXPECT_EQ(hello.active().epoch(), 2);
  EXPECT_FALSE(hello.has_persisted());
}

TEST(MessagesTest, AStatusCarriesItsProblems) {
  PhaseReport report{SomeGeneration(), PhaseReport::Phase::kRejected, {}, absl::Milliseconds(1500)};
  report.problems.resize(1);
  report.problems[0].kind = "Route";
  report.problems[0].problem = "no such plugin";
  const v1::Status status = Parsed(EncodeStatus(report)).status();
  EXPECT_EQ(status.phase(), v1::Status::REJECTED);
  EXPECT_EQ(status.generation().view_hash(), std::string(kViewHashBytes, 'h'));
  EXPECT_EQ(status.problems(0).problem(), "no such plugin");
  EXPECT_EQ(status.took().seconds(), 1);
  EXPECT_EQ(status.took().nanos(), 500'000'000);
}

TEST(MessagesTest, AnUpdateIsReadAsItWasMade) {
  TestView view;
  const Generation before = SomeGeneration();
  const auto parts = MakeUpdate(before, view.Apply({TestRoute("a", "1")}), 10);
  const auto bytes = EncodeUpdate(parts);
  for (size_t i = 0; i < bytes.size(); ++i) {
    absl::StatusOr<ControlMessage> message = DecodeControlMessage(bytes[i]);
    ASSERT_TRUE(message.ok());
    const UpdatePart& part = std::get<UpdatePart>(*message);
    EXPECT_EQ(part.from, parts[i].from);
    EXPECT_EQ(part.to, parts[i].to);
    EXPECT_EQ(part.entries, parts[i].entries);
    EXPECT_EQ(part.is_last, i + 1 == bytes.size());
    EXPECT_EQ(part.committed_at, parts[i].committed_at);
  }
}

TEST(MessagesTest, WhatIsOutOfBoundsIsBroughtWithin) {
  v1::ControlMessage message;
  message.mutable_welcome()->mutable_report_interval()->set_seconds(86400);
  message.mutable_welcome()->mutable_target()->set_store_id(TestStoreId());
  message.mutable_welcome()->mutable_target()->set_view_hash(std::string(32, 'h'));
  auto welcome = DecodeControlMessage(message.SerializeAsString());
  ASSERT_TRUE(welcome.ok());
  EXPECT_EQ(std::get<Welcome>(*welcome).report_interval, absl::Seconds(60));
  auto backoff = DecodeControlMessage(EncodeBackoff(absl::Hours(100)));
  EXPECT_EQ(std::get<Backoff>(*backoff).retry_after, absl::Minutes(10));
  backoff = DecodeControlMessage(EncodeBackoff(-absl::Hours(1)));
  EXPECT_EQ(std::get<Backoff>(*backoff).retry_after, absl::ZeroDuration());
}

TEST(MessagesTest, AMessageOfALaterVersionIsIgnored) {
  // Field 15, which nobody knows, with two bytes.
  auto message = DecodeControlMessage("\x7a\x02hi");
  ASSERT_TRUE(message.ok());
  EXPECT_TRUE(std::holds_alternative<std::monostate>(*message));
}

TEST(MessagesTest, WhatIsNoMessageIsRefused) {
  EXPECT_FALSE(DecodeControlMessage("\xff\xff").ok());
  v1::ControlMessage message;
  message.mutable_update()->mutable_to()->set_store_id("short");
  EXPECT_FALSE(DecodeControlMessage(message.SerializeAsString()).ok());
}

}  // namespace
}  // namespace sluice::sync
