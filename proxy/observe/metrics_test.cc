#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proxy/observe/metric_registry.h"
#include "proxy/observe/process_stats.h"
#include "proxy/observe/prometheus.h"

namespace sluice::observe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Scrape(const MetricRegistry& registry) {
  std::string all;
  PrometheusText text(registry);
  while (text.Next(&all)) {
  }
  return all;
}

// The number behind `series`; empty if it is not there.
std::string Value(const MetricRegistry& registry, absl::string_view series) {
  const std::string all = Scrape(registry);
  const size_t at = all.find(absl::StrCat("\n", series, " "));
  if (at == std::string::npos) return "";
  const size_t from = at + series.size() + 2;
  return all.substr(from, all.find('\n', from) - from);
}

constexpr char kOrders2xx[] = R"(sluice_route_requests_total{route="orders",code_class="2xx"})";

class MetricsTest : public ::testing::Test {
 protected:
  MetricRegistry registry_;
  WorkerMetrics& worker_ = registry_.AddWorker();
  WorkerMetrics& other_worker_ = registry_.AddWorker();
};

TEST_F(MetricsTest, CountersAreTheSumOverWorkers) {
  const auto route = registry_.Acquire<RouteMetric>({"orders"});
  worker_.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx);
  worker_.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx);
  other_worker_.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx);
  EXPECT_EQ(Value(registry_, kOrders2xx), "3");
}

TEST_F(MetricsTest, AGaugeMayRiseOnOneWorkerAndFallOnAnother) {
  const auto upstream = registry_.Acquire<UpstreamMetric>({"orders"});
  worker_.Add(upstream.group(), UpstreamMetric::kConnectionsActive, 5);
  other_worker_.Subtract(upstream.group(), UpstreamMetric::kConnectionsActive, 2);
  EXPECT_EQ(Value(registry_, R"(sluice_upstream_connections_active{upstream="orders"})"), "3");
}

TEST_F(MetricsTest, EveryMetricOfAScopeHasItsOwnCells) {
  const auto listener = registry_.Acquire<ListenerMetric>({"l"});
  for (size_t i = 0; i < kFamiliesOf<ListenerMetric>.size(); ++i) {
    if (kFamiliesOf<ListenerMetric>[i].type == kHistogram) continue;
    worker_.Add(listener.group(), static_cast<ListenerMetric>(i), i + 1);
  }
  EXPECT_EQ(Value(registry_, R"(sluice_connections_total{listener="l"})"), "1");
  EXPECT_EQ(Value(registry_, R"(sluice_requests_total{listener="l",code_class="1xx"})"), "4");
  EXPECT_EQ(Value(registry_, R"(sluice_sent_bytes_total{listener="l"})"), "8");
}

TEST_F(MetricsTest, AHistogramCountsEachDurationInEveryBucketAboveIt) {
  const auto route = registry_.Acquire<RouteMetric>({"orders"});
  worker_.Record(route.group(), RouteMetric::kRequestDuration, 1'000'000);  // A bound exactly.
  worker_.Record(route.group(), RouteMetric::kRequestDuration, 1'000'001);
  other_worker_.Record(route.group(), RouteMetric::kRequestDuration, 90'000'000'000);
  const std::string name = "sluice_route_request_duration_seconds";
  EXPECT_EQ(Value(registry_, name + R"(_bucket{route="orders",le="0.0005"})"), "0");
  EXPECT_EQ(Value(registry_, name + R"(_bucket{route="orders",le="0.001"})"), "1");
  EXPECT_EQ(Value(registry_, name + R"(_bucket{route="orders",le="0.0025"})"), "2");
  EXPECT_EQ(Value(registry_, name + R"(_bucket{route="orders",le="60"})"), "2");
  EXPECT_EQ(Value(registry_, name + R"(_bucket{route="orders",le="+Inf"})"), "3");
  EXPECT_EQ(Value(registry_, name + R"(_count{route="orders"})"), "3");
  EXPECT_EQ(Value(registry_, name + R"(_sum{route="orders"})"), "90.002000001");
}

TEST(HistogramTest, EveryDurationFallsIntoTheFirstBucketThatHoldsIt) {
  for (size_t i = 0; i < kDurationBoundsNs.size(); ++i) {
    EXPECT_EQ(DurationBucket(kDurationBoundsNs[i]), i);
    EXPECT_EQ(DurationBucket(kDurationBoundsNs[i] + 1), i + 1);
  }
  EXPECT_EQ(DurationBucket(0), 0u);
  EXPECT_EQ(DurationBucket(-5), 0u);
  EXPECT_EQ(DurationBucket(INT64_MAX), kDurationBoundsNs.size());
}

TEST_F(MetricsTest, ARouteThatIsKeptAcrossGenerationsKeepsItsNumbers) {
  auto old_generation = registry_.Acquire<RouteMetric>({"orders"});
  worker_.Add(old_generation.group(), RouteMetric::kRequests, CodeClass::k2xx);
  const auto new_generation = registry_.Acquire<RouteMetric>({"orders"});
  old_generation = {};
  worker_.Add(new_generation.group(), RouteMetric::kRequests, CodeClass::k2xx);
  EXPECT_EQ(Value(registry_, kOrders2xx), "2");
}

TEST_F(MetricsTest, TheSeriesOfARemovedRouteVanish) {
  auto route = registry_.Acquire<RouteMetric>({"orders"});
  worker_.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx);
  route = {};
  EXPECT_EQ(Value(registry_, kOrders2xx), "");
}

TEST_F(MetricsTest, CountersOfARouteThatComesBackGoOn) {
  auto route = registry_.Acquire<RouteMetric>({"orders"});
  worker_.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx, 5);
  route = {};
  route = registry_.Acquire<RouteMetric>({"orders"});
  worker_.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx);
  EXPECT_EQ(Value(registry_, kOrders2xx), "6");
  route = {};
  route = registry_.Acquire<RouteMetric>({"orders"});
  EXPECT_EQ(Value(registry_, kOrders2xx), "6");
}

TEST_F(MetricsTest, GaugesOfAnUpstreamThatComesBackBeginAtZero) {
  auto upstream = registry_.Acquire<UpstreamMetric>({"orders"});
  worker_.Add(upstream.group(), UpstreamMetric::kConnectionsActive, 5);
  upstream = {};
  upstream = registry_.Acquire<UpstreamMetric>({"orders"});
  EXPECT_EQ(Value(registry_, R"(sluice_upstream_connections_active{upstream="orders"})"), "0");
}

TEST_F(MetricsTest, APlaceThatIsUsedAgainBeginsAtZero) {
  auto route = registry_.Acquire<RouteMetric>({"orders"});
  worker_.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx, 5);
  const uint32_t place = route.group().index;
  route = {};
  const auto upstream = registry_.Acquire<UpstreamMetric>({"users"});
  ASSERT_EQ(upstream.group().index, place);
  worker_.Add(upstream.group(), UpstreamMetric::kRetries);
  EXPECT_EQ(Value(registry_, R"(sluice_upstream_retries_total{upstream="users"})"), "1");
  EXPECT_EQ(Value(registry_, R"(sluice_upstream_timeouts_total{upstream="users"})"), "0");
}

TEST_F(MetricsTest, OnlyTheGroupsRetiredLastAreRemembered) {
  const auto use_and_drop = [&](const std::string& name) {
    const auto route = registry_.Acquire<RouteMetric>({name});
    worker_.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx, 7);
  };
  use_and_drop("first");
  for (size_t i = 1; i < MetricRegistry::kRetiredGroups; ++i) use_and_drop(absl::StrCat("r", i));
  auto route = registry_.Acquire<RouteMetric>({"first"});
  EXPECT_EQ(Value(registry_, R"(sluice_route_requests_total{route="first",code_class="2xx"})"),
            "7");
  route = {};
  for (size_t i = 0; i < MetricRegistry::kRetiredGroups; ++i) use_and_drop(absl::StrCat("s", i));
  route = registry_.Acquire<RouteMetric>({"first"});
  EXPECT_EQ(Value(registry_, R"(sluice_route_requests_total{route="first",code_class="2xx"})"), "");
}

TEST(MetricsLimitTest, GroupsBeyondTheMaximumShareOne) {
  MetricRegistry registry(/*max_groups=*/100);
  WorkerMetrics& worker = registry.AddWorker();
  std::vector<GroupHandle<RouteMetric>> routes;
  for (size_t i = 0; i < 110; ++i)
    routes.push_back(registry.Acquire<RouteMetric>({absl::StrCat(i)}));
  worker.Add(routes[108].group(), RouteMetric::kRequests, CodeClass::k5xx);
  worker.Add(routes[109].group(), RouteMetric::kRequests, CodeClass::k5xx);
  EXPECT_EQ(Value(registry, R"(sluice_route_requests_total{route="overflow",code_class="5xx"})"),
            "2");
}

TEST_F(MetricsTest, CountingOnNoGroupIsHarmlessAndShownNowhere) {
  worker_.Add(MetricGroup<EndpointMetric>(), EndpointMetric::kFailures, 77);
  worker_.CountLocalReply({}, "an_unknown_one");
  worker_.Add(MetricGroup<ListenerMetric>(), ListenerMetric::kSentBytes, 77);
  EXPECT_THAT(Scrape(registry_), Not(HasSubstr(" 77\n")));
}

TEST_F(MetricsTest, LocalRepliesAreCountedByReason) {
  worker_.CountLocalReply(registry_.workers_group(), "no_route");
  worker_.CountLocalReply(registry_.workers_group(), "key_auth_missing");
  worker_.CountLocalReply(registry_.workers_group(), "via_upstream");  // Not a local reply.
  EXPECT_EQ(Value(registry_, R"(sluice_local_replies_total{details="no_route"})"), "1");
  EXPECT_EQ(Value(registry_, R"(sluice_local_replies_total{details="internal_error"})"), "0");
  EXPECT_EQ(Value(registry_, R"(sluice_local_replies_total{details="plugin"})"), "1");
}

// Before its first request a route costs a worker its place in the directory and nothing else.
TEST_F(MetricsTest, ARouteWithoutRequestsHasNoSeries) {
  const auto used = registry_.Acquire<RouteMetric>({"used"});
  const auto unused = registry_.Acquire<RouteMetric>({"unused"});
  worker_.Add(used.group(), RouteMetric::kRequests, CodeClass::k2xx);
  EXPECT_THAT(Scrape(registry_),
              AllOf(HasSubstr(R"(route="used")"), Not(HasSubstr(R"(route="unused")"))));
}

TEST_F(MetricsTest, AnUpstreamWithoutRequestsShowsZeros) {
  const auto upstream = registry_.Acquire<UpstreamMetric>({"orders"});
  EXPECT_EQ(
      Value(registry_, R"(sluice_upstream_requests_total{upstream="orders",code_class="5xx"})"),
      "0");
}

TEST_F(MetricsTest, LabelValuesAreEscaped) {
  const auto endpoint = registry_.Acquire<EndpointMetric>({"a\"b\\c\nd", "10.0.0.1:80"});
  worker_.Add(endpoint.group(), EndpointMetric::kRequests);
  EXPECT_EQ(Value(registry_,
                  "sluice_upstream_endpoint_requests_total{upstream=\"a\\\"b\\\\c\\nd\","
                  "endpoint=\"10.0.0.1:80\"}"),
            "1");
}

TEST_F(MetricsTest, NumbersOfTheProcessKeepEveryDigit) {
  registry_.Set(ProcessMetric::kConfigGeneration, 123456789);
  registry_.Set(ProcessMetric::kConfigApplyDuration, 0.0125);
  registry_.Set(ProcessMetric::kDnsResolutions, 4, static_cast<size_t>(DnsResult::kFailed));
  EXPECT_EQ(Value(registry_, "sluice_config_generation"), "123456789");
  EXPECT_EQ(Value(registry_, "sluice_config_apply_duration_seconds"), "0.0125");
  EXPECT_EQ(Value(registry_, R"(sluice_dns_resolutions_total{result="failed"})"), "4");
}

TEST_F(MetricsTest, ProcessStatsComeFromTheKernel) {
  UpdateProcessStats(registry_);
  EXPECT_GT(registry_.Get(ProcessMetric::kResidentMemory), 1e6);
  EXPECT_GT(registry_.Get(ProcessMetric::kStartTime), 1.6e9);
}

// What promtool checks: every series below its own head, no head and no series twice.
TEST_F(MetricsTest, EveryFamilyIsOneBlockWithOneHead) {
  const auto a = registry_.Acquire<ListenerMetric>({"a"});
  const auto b = registry_.Acquire<ListenerMetric>({"b"});
  std::set<std::string> seen;
  std::string family;
  const std::string text = Scrape(registry_);
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "#" && words[1] == "TYPE") {
      family = words[2];
    } else if (words[0] != "#") {
      EXPECT_TRUE(absl::StartsWith(line, family)) << line;
      EXPECT_TRUE(seen.insert(words[0]).second) << line;
    }
  }
  EXPECT_GT(seen.size(), 100u);
}

TEST_F(MetricsTest, ManyRoutesComeInPiecesOfWholeLines) {
  std::vector<GroupHandle<RouteMetric>> routes;
  for (int i = 0; i < 1'000; ++i) {
    routes.push_back(registry_.Acquire<RouteMetric>({absl::StrCat("route-", i)}));
    worker_.Add(routes.back().group(), RouteMetric::kRequests, CodeClass::k2xx);
  }
  PrometheusText text(registry_);
  std::string all;
  for (bool more = true; more;) {
    std::string piece;
    more = text.Next(&piece);
    EXPECT_LT(piece.size(), 100'000u);
    EXPECT_TRUE(piece.empty() || piece.back() == '\n');
    all += piece;
  }
  EXPECT_EQ(all, Scrape(registry_));
}

TEST_F(MetricsTest, AUsedRouteBehindManyUnusedOnesIsFound) {
  std::vector<GroupHandle<RouteMetric>> routes;
  for (int i = 0; i < 20'000; ++i) {
    routes.push_back(registry_.Acquire<RouteMetric>({absl::StrCat("route-", i)}));
  }
  const auto last = registry_.Acquire<RouteMetric>({"zzz"});
  worker_.Add(last.group(), RouteMetric::kRequests, CodeClass::k2xx);
  EXPECT_EQ(Value(registry_, R"(sluice_route_requests_total{route="zzz",code_class="2xx"})"), "1");
  EXPECT_THAT(Scrape(registry_), Not(HasSubstr("route-")));
}

TEST_F(MetricsTest, AGroupThatGoesDuringAScrapeDoesNotDisturbIt) {
  std::vector<GroupHandle<RouteMetric>> routes;
  for (int i = 0; i < 2'000; ++i) {
    routes.push_back(registry_.Acquire<RouteMetric>({absl::StrCat("route-", i)}));
    worker_.Add(routes.back().group(), RouteMetric::kRequests, CodeClass::k2xx);
  }
  PrometheusText text(registry_);
  std::string all;
  ASSERT_TRUE(text.Next(&all));
  routes.clear();
  while (text.Next(&all)) {
  }
  EXPECT_EQ(all.back(), '\n');
}

// Under TSan: readers, a configuration that changes, and a worker, all at once.
TEST_F(MetricsTest, ScrapesAndChangesRunBesideTheWorkers) {
  const auto route = registry_.Acquire<RouteMetric>({"orders"});
  std::thread worker([&] {
    for (int i = 0; i < 100'000; ++i) {
      worker_.Add(route.group(), RouteMetric::kRequests, CodeClass::k2xx);
      worker_.Record(route.group(), RouteMetric::kRequestDuration, i);
    }
  });
  std::thread builder([&] {
    for (int i = 0; i < 200; ++i) registry_.Acquire<RouteMetric>({absl::StrCat("r", i)});
  });
  for (int i = 0; i < 20; ++i) Scrape(registry_);
  worker.join();
  builder.join();
  EXPECT_EQ(Value(registry_, kOrders2xx), "100000");
}

}  // namespace
}  // namespace sluice::observe
