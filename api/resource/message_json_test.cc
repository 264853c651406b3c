#include "api/resource/message_json.h"

#include <gtest/gtest.h>

#include "sluice/v1/admin.pb.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::resource {
namespace {

TEST(MessageJsonTest, AChangeIsFlat) {
  v1::Change change;
  change.mutable_key()->set_kind("Route");
  change.mutable_key()->set_name("r");
  change.set_action(v1::Change::UPDATED);
  change.add_fields("timeout");
  change.mutable_after()->set_name("r");
  change.mutable_after()->mutable_route()->add_paths("/a");
  EXPECT_EQ(MessageToJson(change),
            R"({"kind":"Route","name":"r","action":"updated","fields":["timeout"],)"
            R"("after":{"kind":"Route","name":"r","paths":["/a"]}})");
}

TEST(MessageJsonTest, TimesDurationsAndBytesAreReadable) {
  v1::ProxyStatus status;
  status.mutable_connected_at()->set_seconds(1'700'000'000);
  status.mutable_connected_at()->set_nanos(5'000'000);
  status.mutable_lag()->set_seconds(90);
  status.mutable_active()->set_store_id("\x01\xff");
  status.set_state(v1::ProxyStatus::HELD);
  const std::string json = MessageToJson(status);
  EXPECT_NE(json.find(R"("connected_at":"2023-11-14T22:13:20.005Z")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("lag":"1m30s")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("store_id":"01ff")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("state":"held")"), std::string::npos) << json;
}

TEST(MessageJsonTest, TextIsEscaped) {
  v1::Commit commit;
  commit.set_message("a \"quoted\"\nline");
  EXPECT_NE(MessageToJson(commit).find(R"("message":"a \"quoted\"\nline")"), std::string::npos);
}

}  // namespace
}  // namespace sluice::resource
