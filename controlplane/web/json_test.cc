#include "controlplane/web/json.h"

#include <gtest/gtest.h>

#include "controlplane/admin/refusal.h"

namespace sluice::web {
namespace {

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
