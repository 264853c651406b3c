// What a line of the access log costs before it is written, and counting.
//
//   bazel run -c opt //proxy/observe:access_log_benchmark
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "proxy/observe/access_log_format.h"
#include "proxy/observe/log_ring.h"
#include "proxy/observe/metric_registry.h"

namespace sluice::observe {
namespace {

constexpr std::array<uint8_t, 16> kClient = {0, 0, 0,    0,    0,   0, 0, 0,
                                             0, 0, 0xff, 0xff, 192, 0, 2, 7};
constexpr absl::string_view kUserAgent =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0";

AccessRecord Request() {
  AccessRecord record;
  record.start_unix_ns = 1'770'091'506'789'012'345;
  record.duration_ns = 12'345'678;
  record.method = "GET";
  record.path = "/orders/4711/items?page=2&sort=price";
  record.authority = "api.example.com";
  record.protocol = "HTTP/1.1";
  record.response_code = 200;
  record.details = "via_upstream";
  record.bytes_sent = 5120;
  record.remote = {&kClient, 40000};
  record.listener = "public";
  record.route = "orders";
  record.consumer = "alice";
  record.upstream = "orders";
  record.upstream_host = "10.0.0.1:8080";
  record.request_id = "0e7d0c0e-6f5b-4c5e-9a53-3f6b6f6f8f21";
  record.node = "edge-7";
  record.generation = 4711;
  record.find_header = [](const void*, AccessRecord::Side, absl::string_view name,
                          absl::string_view* value) {
    *value = kUserAgent;
    return name == "user-agent";
  };
  return record;
}

void Print(benchmark::State& state, const absl::StatusOr<AccessLogFormat>& format) {
  const AccessRecord record = Request();
  std::string line(AccessLogFormat::kMaxLine, '\0');
  size_t bytes = 0;
  for (auto _ : state) {
    bytes = format->Format(record, line.data());
    benchmark::DoNotOptimize(line.data());
    benchmark::ClobberMemory();
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}

void DefaultText(benchmark::State& state) { Print(state, AccessLogFormat::Text("")); }
void DefaultJson(benchmark::State& state) { Print(state, AccessLogFormat::Json({})); }

// From the worker to the log thread: one copy into the ring, and reading it there.
void PushLine(benchmark::State& state) {
  LogRing ring(1 << 20);
  const std::string line(240, 'x');
  size_t bytes = 0;
  for (auto _ : state) {
    if (!ring.Push(1, line)) {
      ring.Drain(
          [&](uint32_t, absl::string_view first, absl::string_view) { bytes += first.size(); });
    }
  }
  benchmark::DoNotOptimize(bytes);
}

// What an exchange counts at its end, over many routes.
void CountRequest(benchmark::State& state) {
  MetricRegistry registry;
  WorkerMetrics& worker = registry.AddWorker();
  std::vector<GroupHandle<RouteMetric>> routes;
  for (int64_t i = 0; i < state.range(0); ++i) {
    routes.push_back(registry.Acquire<RouteMetric>({std::to_string(i)}));
  }
  size_t next = 0;
  for (auto _ : state) {
    next = (next + 7919) % routes.size();
    const MetricGroup<RouteMetric> route = routes[next].group();
    worker.Add(route, RouteMetric::kRequests, CodeClass::k2xx);
    worker.Record(route, RouteMetric::kRequestDuration, static_cast<int64_t>(next) * 1000);
    worker.Add(route, RouteMetric::kSentBytes, 512);
    benchmark::ClobberMemory();
  }
}

void RecordDuration(benchmark::State& state) {
  MetricRegistry registry;
  WorkerMetrics& worker = registry.AddWorker();
  const auto route = registry.Acquire<RouteMetric>({"r"});
  int64_t ns = 1;
  for (auto _ : state) {
    worker.Record(route.group(), RouteMetric::kRequestDuration, ns);
    ns = ns * 5 % 60'000'000'001;
    benchmark::ClobberMemory();
  }
}

BENCHMARK(DefaultText);
BENCHMARK(DefaultJson);
BENCHMARK(PushLine);
BENCHMARK(CountRequest)->Arg(1)->Arg(100'000);
BENCHMARK(RecordDuration);

}  // namespace
}  // namespace sluice::observe
