#include "tools/bench/hairpin/request_plan.h"

#include <gtest/gtest.h>

#include <map>

namespace sluice::hairpin {
namespace {

RequestPlan MustMake(const RequestPlanOptions& options) {
  absl::StatusOr<RequestPlan> plan = RequestPlan::Make(options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

std::map<std::string, int> Drawn(RequestPlan plan, int draws) {
  std::map<std::string, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[std::string(plan.text(plan.Next()))];
  return counts;
}

TEST(RequestPlanTest, ARequestIsRenderedWithItsHeadersAndBody) {
  RequestPlanOptions options;
  options.method = "POST";
  options.paths = {"/a?b=c"};
  options.headers = {"X-A: 1, 2"};
  options.body_bytes = 3;
  options.close = true;
  RequestPlan plan = MustMake(options);
  EXPECT_EQ(plan.text(plan.Next()),
            "POST /a?b=c HTTP/1.1\r\nHost: bench.example\r\nX-A: 1, 2\r\nConnection: close\r\n"
            "Content-Length: 3\r\n\r\nbbb");
}

TEST(RequestPlanTest, AMessageOfGrpcHasItsPrefix) {
  RequestPlanOptions options;
  options.method = "POST";
  options.paths = {"/bench.Echo/Call"};
  options.headers = {"X-A: 1"};
  options.body_bytes = 3;
  options.grpc = true;
  const RequestPlan plan = MustMake(options);
  EXPECT_EQ(plan.body(), absl::string_view("\0\0\0\0\3bbb", 8));
  const RequestPlan::Fields want = {{":method", "POST"},
                                    {":scheme", "http"},
                                    {":authority", "bench.example"},
                                    {":path", "/bench.Echo/Call"},
                                    {"x-a", "1"},
                                    {"content-type", "application/grpc"},
                                    {"te", "trailers"}};
  EXPECT_EQ(plan.fields(0), want);
}

TEST(RequestPlanTest, UniformChoiceReachesEveryRouteAboutEquallyOften) {
  RequestPlanOptions options;
  options.paths = {"/r/{n}/x"};
  options.routes = 100;
  const std::map<std::string, int> counts = Drawn(MustMake(options), 100'000);
  EXPECT_EQ(counts.size(), 100u);
  for (const auto& [request, count] : counts) EXPECT_NEAR(count, 1'000, 200) << request;
}

TEST(RequestPlanTest, ZipfChoosesTheNthAsOftenAsOneOverN) {
  RequestPlanOptions options;
  options.paths = {"/0", "/1", "/2", "/3"};
  options.choice = "zipf";
  std::vector<int> counts;
  for (const auto& [request, count] : Drawn(MustMake(options), 100'000)) counts.push_back(count);
  ASSERT_EQ(counts.size(), 4u);
  EXPECT_NEAR(static_cast<double>(counts[0]) / counts[1], 2, 0.2);
  EXPECT_NEAR(static_cast<double>(counts[0]) / counts[3], 4, 0.4);
}

TEST(RequestPlanTest, AnUnknownChoiceIsRefused) {
  RequestPlanOptions options;
  options.choice = "normal";
  EXPECT_FALSE(RequestPlan::Make(options).ok());
}

}  // namespace
}  // namespace sluice::hairpin
