#include "controlplane/web/json.h"

#include <gtest/gtest.h>

#include "controlplane/admin/refusal.h"
#include "sluice/v1/admin.pb.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::web {
namespace {

TEST(JsonTest, AChangeIsFlat) {
  v1::Change change;
  change.mutable_key()->set_kind("Route");
  change.mutable_key()->set_name("r");
  change.set_action(v1::Change::UPDATED);
  change.add_fields("timeout");
  change.mutable_after()->set_name("r");
  change.mutable_after()->mutable_route()->add_paths("/a");
  EXPECT_EQ(ToJson(change), R"({"kind":"Route","name":"r","action":"updated","fields":["timeout"],)"
                            R"("after":{"kind":"Route","name":"r","paths":["/a"]}})");
}

TEST(JsonTest, TimesDurationsAndBytesAreReadable) {
  v1::ProxyStatus status;
  status.mutable_connected_at()->set_seconds(1'700'000'000);
  status.mutable_connected_at()->set_nanos(5'000'000);
  status.mutable_lag()->set_seconds(90);
  status.mutable_active()->set_store_id("\x01\xff");
  status.set_state(v1::ProxyStatus::HELD);
  const std::string json = ToJson(status);
  EXPECT_NE(json.find(R"("connected_at":"2023-11-14T22:13:20.005Z")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("lag":"1m30s")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("store_id":"01ff")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("state":"held")"), std::string::npos) << json;
}

TEST(JsonTest, TextIsEscaped) {
  v1::Commit commit;
  commit.set_message("a \"quoted\"\nline");
  EXPECT_NE(ToJson(commit).find(R"("message":"a \"quoted\"\nline")"), std::string::npos);
}

TEST(JsonTest, ARefusalListsItsProblems) {
  resource::Problem problem;
  problem.kind = "Route";
  problem.name = "r";
  problem.field = "timeout";
  problem.problem = "out of range, got 25h";
  problem.want = "0s to 24h";
  const Response response =
      Refusal(admin::Refusal(absl::StatusCode::kFailedPrecondition, {problem}));
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.body,
            R"({"problems":[{"kind":"Route","name":"r","field":"timeout",)"
            R"("problem":"out of range, got 25h","want":"0s to 24h","file":"","line":0,)"
            R"("severity":"error"}]})"
            "\n");
}

TEST(JsonTest, EveryStatusHasItsCode) {
  EXPECT_EQ(Refusal(absl::InvalidArgumentError("x")).status, 400);
  EXPECT_EQ(Refusal(absl::NotFoundError("x")).status, 404);
  EXPECT_EQ(Refusal(absl::AbortedError("x")).status, 409);
  EXPECT_EQ(Refusal(absl::UnavailableError("x")).status, 503);
  EXPECT_EQ(Refusal(absl::InternalError("x")).status, 500);
}

}  // namespace
}  // namespace sluice::web
