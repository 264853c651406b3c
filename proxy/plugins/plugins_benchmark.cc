// What each plugin costs a request: bazel run --config=release //proxy/plugins:plugins_benchmark
//
// Every iteration is one whole request: an arena, a stream with eight headers, the chain's states,
// the walks of request head, response head and log. "Nothing" is that without a plugin: subtract
// it.
#include <benchmark/benchmark.h>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/plugins/testing/fixed_request.h"

namespace sluice::plugins {
namespace {

void RunAll(benchmark::State& state, FixedRequest& request) {
  request.Compile();
  for (auto _ : state) benchmark::DoNotOptimize(request.Run());
}

// One hook that does nothing: what the chain itself costs.
class Idle {
 public:
  struct Settings {};
  explicit Idle(const Settings&) {}
  Action OnRequestHead(Stream&) { return Action::kContinue; }
};

void BM_Nothing(benchmark::State& state) {
  FixedRequest request;
  RunAll(state, request);
}
BENCHMARK(BM_Nothing);

void BM_Idle(benchmark::State& state) {
  FixedRequest request;
  for (int64_t i = 0; i < state.range(0); ++i) {
    request.Add({absl::StrCat("idle", i), Phase::kAccess, 0, Instantiate<Idle>({})});
  }
  RunAll(state, request);
}
BENCHMARK(BM_Idle)->Arg(1)->Arg(10);

void BM_One(benchmark::State& state, const char* name, const char* config) {
  FixedRequest request;
  request.Add(name, config);
  RunAll(state, request);
}
BENCHMARK_CAPTURE(BM_One, ip_restriction, "ip_restriction",
                  "allow: ['10.0.0.0/8', '192.168.0.0/16'] deny: ['10.9.0.0/16']");
BENCHMARK_CAPTURE(BM_One, key_auth, "key_auth", "");
BENCHMARK_CAPTURE(BM_One, key_auth_left_in_place, "key_auth", "hide_credentials: false");
BENCHMARK_CAPTURE(BM_One, request_id, "request_id", "");
BENCHMARK_CAPTURE(BM_One, respond, "respond", "body: 'hello'");
BENCHMARK_CAPTURE(BM_One, redirect, "redirect", "scheme: 'https'");
BENCHMARK_CAPTURE(BM_One, rewrite_strip, "rewrite", "strip_prefix: '/orders'");
BENCHMARK_CAPTURE(BM_One, rewrite_path, "rewrite", "path: '/v2/{id}/x'");
BENCHMARK_CAPTURE(BM_One, headers_set_one, "headers", "request {set {key: 'x-a' value: 'b'}}");
BENCHMARK_CAPTURE(BM_One, headers_set_one_known, "headers",
                  "request {set {key: 'user-agent' value: 'b'}}");
BENCHMARK_CAPTURE(BM_One, headers_set_variable, "headers",
                  "request {set {key: 'x-a' value: '${method} ${path}'}}");
BENCHMARK_CAPTURE(BM_One, headers_eight_edits, "headers",
                  "request {set {key: 'x-a' value: 'a'} set {key: 'x-b' value: 'b'} "
                  "add {key: 'x-c' value: 'c'} remove: 'cookie'} "
                  "response {set {key: 'x-d' value: 'd'} set {key: 'server' value: 's'} "
                  "add {key: 'x-e' value: 'e'} remove: 'etag'}");
BENCHMARK_CAPTURE(BM_One, limit_count, "limit_count",
                  "count: 4294967295 window {seconds: 3600} headers: false");
BENCHMARK_CAPTURE(BM_One, limit_count_with_headers, "limit_count",
                  "count: 4294967295 window {seconds: 3600}");
BENCHMARK_CAPTURE(BM_One, limit_count_by_header, "limit_count",
                  "count: 4294967295 window {seconds: 3600} headers: false key: 'header:x-tenant'");
BENCHMARK_CAPTURE(BM_One, limit_count_sliding, "limit_count",
                  "count: 4294967295 window {seconds: 3600} headers: false "
                  "algorithm: ALGORITHM_SLIDING");

void BM_AuthenticatedAndRestricted(benchmark::State& state) {
  FixedRequest request;
  request.Add("key_auth", "");
  request.Add("consumer_restriction", "allow {consumer_groups: 'gold'} deny {consumers: 'eve'}");
  RunAll(state, request);
}
BENCHMARK(BM_AuthenticatedAndRestricted);

// The counters alone; `range` is how many keys are in use.
void BM_Take(benchmark::State& state) {
  static const SystemClock clock;
  static CounterTable table(clock, {1, 2});
  const HashKey key = table.KeyFor("bench");
  const CounterTable::Limit limit = {4294967295, 3600};
  const auto keys = static_cast<uint64_t>(state.range(0));
  uint64_t i = static_cast<uint64_t>(state.thread_index()) * 7919;
  for (auto _ : state) {
    const uint64_t text = ++i * 0x9e3779b97f4a7c15 % keys;
    const absl::string_view bytes(reinterpret_cast<const char*>(&text), sizeof(text));
    benchmark::DoNotOptimize(table.Take(KeyedHash(key, bytes), limit, 1));
  }
}
BENCHMARK(BM_Take)->Arg(1)->Arg(1'000)->Arg(100'000);
BENCHMARK(BM_Take)->Arg(1)->Arg(100'000)->Threads(2);

}  // namespace
}  // namespace sluice::plugins
