// What each plugin costs a request: bazel run --config=release //proxy/plugins:plugins_benchmark
//
// Every iteration is one whole request: an arena, a stream with eight headers, the chain's states,
// the walks of request head, response head and log. "Nothing" is that without a plugin: subtract
// it.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/validate/plugins/registry.h"
#include "base/clock.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/message.h"
#include "proxy/plugins/chain.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/plugins/registry.h"
#include "proxy/plugins/testing/plugin_harness.h"

namespace sluice::plugins {
namespace {

constexpr char kKey[] = "a-key-of-usual-length-0123456789";

// What does not change from one request to the next.
struct World {
  World() {
    // The harness knows how a credential is kept.
    harness.AddConsumer("alice", "gold", kKey);
  }

  SystemClock clock;
  PluginHarness harness;
  CounterTable counters{clock, {1, 2}};
  Registry registry{counters};
  net::BlockPool pool{64 << 20};
  int64_t now_ns = clock.MonotonicNanos();
  uint32_t client = 0x0a000001;
};

class BenchStream final : public Stream {
 public:
  BenchStream(World& world, const ConsumerTable& consumers, http::Arena& arena)
      : Stream(arena), world_(world), consumers_(consumers) {
    request_.method = "GET";
    request_.authority = "api.example.com";
    request_.path = original_path_ = "/orders/7/items";
    request_.query = "page=2&sort=name";
    http::HeaderMap& headers = request_.headers;
    headers.Reserve(16);
    headers.Add(http::HeaderId::kUserAgent, "Mozilla/5.0 (X11; Linux x86_64)");
    headers.Add(http::HeaderId::kAccept, "*/*");
    headers.Add(http::HeaderId::kOther, "accept-encoding", "gzip, br");
    headers.Add(http::HeaderId::kOther, "accept-language", "en");
    headers.Add(http::HeaderId::kCookie, "session=0123456789abcdef");
    headers.Add(http::HeaderId::kOther, "cache-control", "no-cache");
    headers.Add(http::HeaderId::kOther, "x-tenant", "acme");
    headers.Add(http::HeaderId::kOther, "apikey", kKey);
    response_.headers.Reserve(16);
    response_.headers.Add(http::HeaderId::kContentType, "application/json");
    response_.headers.Add(http::HeaderId::kOther, "etag", "\"abc\"");
    response_.status = 200;
    client_ip_ = net::IpAddress::V4(world.client);
  }

  absl::string_view Capture(absl::string_view name) const override {
    return name == "id" ? "7" : absl::string_view();
  }
  const ConsumerTable& consumers() const override { return consumers_; }
  void Reply(const LocalReply& reply) override { response_.status = reply.status; }
  void Resume() override {}
  int64_t now_ns() const override { return world_.now_ns; }
  int64_t unix_seconds() const override { return 0; }
  uint64_t Random() override { return random_ = random_ * 6364136223846793005 + 1; }

 private:
  World& world_;
  const ConsumerTable& consumers_;
  uint64_t random_ = 1;
};

Element Make(World& world, absl::string_view name, absl::string_view text) {
  std::unique_ptr<google::protobuf::Message> config(validate::FindPlugin(name)->prototype->New());
  internal::ParseTextOrDie(text, *config);
  google::protobuf::Any any;
  any.PackFrom(*config);
  absl::StatusOr<Element> element = world.registry.Make(name, any, {"Route", "bench"});
  if (!element.ok()) internal::Die(element.status().message());
  return *std::move(element);
}

void RunChain(benchmark::State& state, World& world, std::vector<Element> elements) {
  world.harness.Request("GET", "/");
  const ConsumerTable& consumers = world.harness.stream().consumers();
  std::vector<Element> early, late;
  for (Element& element : elements) {
    (element.phase <= Phase::kAuthenticate ? early : late).push_back(std::move(element));
  }
  const auto early_chain = Chain::Compile(std::move(early));
  const auto late_chain = Chain::Compile(std::move(late));
  alignas(16) static char memory[16 << 10];
  for (auto _ : state) {
    http::Arena arena(world.pool, memory, memory + sizeof(memory));
    BenchStream stream(world, consumers, arena);
    ChainRun run(arena);
    run.Begin(nullptr, early_chain.get());
    const Action action = run.RunRequestHeadEarly(stream);
    run.SetLate(late_chain.get());
    if (action == Action::kContinue) benchmark::DoNotOptimize(run.RunRequestHeadLate(stream));
    benchmark::DoNotOptimize(run.RunResponseHead(stream));
    run.RunLog(stream);
    benchmark::DoNotOptimize(stream.request().path.data());
  }
}

// One hook that does nothing: what the chain itself costs.
class Idle {
 public:
  struct Settings {};
  explicit Idle(const Settings&) {}
  Action OnRequestHead(Stream&) { return Action::kContinue; }
};

void BM_Nothing(benchmark::State& state) {
  World world;
  RunChain(state, world, {});
}
BENCHMARK(BM_Nothing);

void BM_Idle(benchmark::State& state) {
  World world;
  std::vector<Element> elements;
  for (int64_t i = 0; i < state.range(0); ++i) {
    elements.push_back({absl::StrCat("idle", i), Phase::kAccess, 0, Instantiate<Idle>({})});
  }
  RunChain(state, world, std::move(elements));
}
BENCHMARK(BM_Idle)->Arg(1)->Arg(10);

void BM_One(benchmark::State& state, const char* name, const char* text) {
  World world;
  RunChain(state, world, {Make(world, name, text)});
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
  World world;
  RunChain(state, world,
           {Make(world, "key_auth", ""),
            Make(world, "consumer_restriction",
                 "allow {consumer_groups: 'gold'} deny {consumers: 'eve'}")});
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
