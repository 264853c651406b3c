// What a request and a change cost by the number of routes, and how much memory a route takes.
//
//   bazel run -c opt //api/match:table_benchmark
//
// Requests are uniform over the routes, in random order, so that large tables do not fit a cache.
#include <malloc.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "api/match/normalise.h"
#include "api/match/table.h"

namespace sluice::match {
namespace {

// A way to lay out routes; route i and a request that it serves.
struct Layout {
  RouteSpec (*route)(size_t i);
  std::pair<std::string, std::string> (*request)(size_t i);  // Host and path.
};

std::string Name(size_t i) { return absl::StrCat("route-", i); }

// Prefixes, exact paths and variables in turn, all on one host.
RouteSpec OneHostRoute(size_t i) {
  const std::string service = absl::StrCat("/service-", i);
  const std::string paths[] = {service + "/*", service + "/v1/items", service + "/{id}/detail"};
  return {.name = Name(i), .hosts = {"api.example.com"}, .paths = {paths[i % 3]}};
}
std::pair<std::string, std::string> OneHostRequest(size_t i) {
  const std::string service = absl::StrCat("/service-", i);
  const std::string paths[] = {service + "/orders/17", service + "/v1/items",
                               service + "/83764/detail"};
  return {"api.example.com", paths[i % 3]};
}

// The same, a hundred routes to a host, every tenth host a wildcard.
std::string HostOf(size_t i) {
  return absl::StrCat(i / 100 % 10 == 0 ? "*." : "", "tenant-", i / 100, ".example.com");
}
RouteSpec ManyHostsRoute(size_t i) {
  RouteSpec spec = OneHostRoute(i);
  spec.hosts = {HostOf(i)};
  return spec;
}
std::pair<std::string, std::string> ManyHostsRequest(size_t i) {
  const std::string host = HostOf(i);
  return {host[0] == '*' ? absl::StrCat("www", host.substr(1)) : host, OneHostRequest(i).second};
}

// A host for each route.
RouteSpec HostEachRoute(size_t i) {
  return {.name = Name(i), .hosts = {absl::StrCat("tenant-", i, ".example.com")}, .paths = {"/*"}};
}
std::pair<std::string, std::string> HostEachRequest(size_t i) {
  return {absl::StrCat("tenant-", i, ".example.com"), "/orders/17"};
}

// One template for all: deep, with methods, as an OpenAPI document gives them.
RouteSpec DeepRoute(size_t i) {
  return {.name = Name(i),
          .hosts = {"api.example.com"},
          .paths = {absl::StrCat("/api/v1/area-", i / 1000, "/service-", i / 10,
                                 "/users/{id}/part-", i % 10)},
          .methods = {"GET", "POST"}};
}
std::pair<std::string, std::string> DeepRequest(size_t i) {
  return {"api.example.com", absl::StrCat("/api/v1/area-", i / 1000, "/service-", i / 10,
                                          "/users/4711/part-", i % 10)};
}

// Expressions that all begin alike, told apart by their end.
RouteSpec RegexRoute(size_t i) {
  return {.name = Name(i), .paths = {absl::StrCat("~/v[0-9]+/(orders|items)/x-", i)}};
}
std::pair<std::string, std::string> RegexRequest(size_t i) {
  return {"a", absl::StrCat("/v12/items/x-", i)};
}

// Expressions that nothing but trying tells apart.
RouteSpec HardRegexRoute(size_t i) {
  return {.name = Name(i), .paths = {absl::StrCat("~/[a-z]+-", i, "/(orders|items).*")}};
}
std::pair<std::string, std::string> HardRegexRequest(size_t i) {
  return {"a", absl::StrCat("/abc-", i, "/items/5")};
}

constexpr Layout kOneHost = {OneHostRoute, OneHostRequest};
constexpr Layout kManyHosts = {ManyHostsRoute, ManyHostsRequest};
constexpr Layout kHostEach = {HostEachRoute, HostEachRequest};
constexpr Layout kDeep = {DeepRoute, DeepRequest};
constexpr Layout kRegex = {RegexRoute, RegexRequest};
constexpr Layout kHardRegex = {HardRegexRoute, HardRegexRequest};

std::vector<Table::Route> Compiled(const Layout& layout, size_t count) {
  std::vector<Table::Route> routes;
  for (size_t i = 0; i < count; ++i) routes.push_back({*Compile(layout.route(i)), i + 1});
  return routes;
}

// Requests one behind the other in memory, as the prefetcher likes it: in a proxy the request was
// just read and is in the cache.
class Requests {
 public:
  Requests(const Layout& layout, size_t routes) {
    std::mt19937 random(42);
    for (size_t i = 0; i < kCount; ++i) {
      const auto [host, path] = layout.request(random() % routes);
      text_.push_back(static_cast<char>(host.size()));
      text_.push_back(static_cast<char>(path.size()));
      absl::StrAppend(&text_, host, path);
    }
  }

  // `answer` is that of the request before, below 2^63: the address of the next request depends on
  // it, so that the processor cannot work on several at once and hide what memory costs.
  RequestView Next(uint64_t answer) {
    next_ += answer >> 63;
    if (next_ == text_.size()) next_ = 0;
    const char* at = text_.data() + next_;
    const auto host = static_cast<size_t>(at[0]);
    const auto path = static_cast<size_t>(at[1]);
    RequestView view;
    view.method = "GET";
    view.host = absl::string_view(at + 2, host);
    view.path = absl::string_view(at + 2 + host, path);
    next_ += 2 + host + path;
    return view;
  }

 private:
  static constexpr size_t kCount = 1 << 16;
  std::string text_;
  size_t next_ = 0;
};

void BM_Match(benchmark::State& state, const Layout& layout) {
  const auto count = static_cast<size_t>(state.range(0));
  const Table table = Table().With({}, Compiled(layout, count));
  Requests requests(layout, count);
  MatchResult result;
  for (auto _ : state) {
    if (!table.Match(requests.Next(result.payload), &result))
      state.SkipWithError("a request matched no route");
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK_CAPTURE(BM_Match, one_host, kOneHost)->Arg(1)->Arg(1000)->Arg(10000)->Arg(100000);
BENCHMARK_CAPTURE(BM_Match, many_hosts, kManyHosts)->Arg(1)->Arg(1000)->Arg(10000)->Arg(100000);
BENCHMARK_CAPTURE(BM_Match, host_each, kHostEach)->Arg(1)->Arg(1000)->Arg(10000)->Arg(100000);
BENCHMARK_CAPTURE(BM_Match, deep, kDeep)->Arg(1)->Arg(1000)->Arg(10000)->Arg(100000);
BENCHMARK_CAPTURE(BM_Match, regex, kRegex)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(BM_Match, hard_regex, kHardRegex)->Arg(1)->Arg(10)->Arg(100);

// For comparison: the very requests as keys of a hash map, which knows nothing of patterns. No
// table of routes that looks at host and path can be much faster; how far this grows with the
// number of keys is the machine's memory.
void BM_HashMapOfRequests(benchmark::State& state, const Layout& layout) {
  const auto count = static_cast<size_t>(state.range(0));
  absl::flat_hash_map<std::string, std::unique_ptr<uint64_t>> map;
  for (size_t i = 0; i < count; ++i) {
    const auto [host, path] = layout.request(i);
    map[absl::StrCat(host, path)] = std::make_unique<uint64_t>(i);
  }
  Requests requests(layout, count);
  uint64_t answer = 0;
  for (auto _ : state) {
    const RequestView request = requests.Next(answer);
    // Host and path lie side by side.
    const absl::string_view key(request.host.data(), request.host.size() + request.path.size());
    answer = *map.find(key)->second;
  }
}
BENCHMARK_CAPTURE(BM_HashMapOfRequests, one_host, kOneHost)
    ->Arg(1)
    ->Arg(1000)
    ->Arg(10000)
    ->Arg(100000);

// One route gets another path and back, as a generation with one change brings it.
void BM_ChangeOneRoute(benchmark::State& state, const Layout& layout) {
  const auto count = static_cast<size_t>(state.range(0));
  const std::vector<Table::Route> routes = Compiled(layout, count);
  Table table = Table().With({}, routes);
  std::mt19937 random(42);
  for (auto _ : state) {
    const size_t i = random() % count;
    RouteSpec spec = layout.route(i);
    if (random() % 2 == 0) spec.paths = {absl::StrCat("/moved-", i)};
    const Table::Route route = {*Compile(spec), i + 1};
    table = table.With({}, {route});
  }
}
BENCHMARK_CAPTURE(BM_ChangeOneRoute, one_host, kOneHost)
    ->Arg(1)
    ->Arg(1000)
    ->Arg(10000)
    ->Arg(100000);
BENCHMARK_CAPTURE(BM_ChangeOneRoute, deep, kDeep)->Arg(100000);

// All at once, compiled before: what a start costs. Reports the memory that stays.
void BM_Build(benchmark::State& state, const Layout& layout) {
  const auto count = static_cast<size_t>(state.range(0));
  const size_t before = mallinfo2().uordblks;
  const std::vector<Table::Route> routes = Compiled(layout, count);
  const size_t compiled = mallinfo2().uordblks;
  for (auto _ : state) {
    const Table table = Table().With({}, routes);
    state.PauseTiming();
    state.counters["table_B/route"] =
        static_cast<double>(mallinfo2().uordblks - compiled) / static_cast<double>(count);
    state.ResumeTiming();
  }
  state.counters["spec_B/route"] =
      static_cast<double>(compiled - before) / static_cast<double>(count) - sizeof(Table::Route);
}
BENCHMARK_CAPTURE(BM_Build, one_host, kOneHost)->Arg(100000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Build, many_hosts, kManyHosts)->Arg(100000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Build, host_each, kHostEach)->Arg(100000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Build, deep, kDeep)->Arg(100000)->Unit(benchmark::kMillisecond);

void BM_Compile(benchmark::State& state) {
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(Compile(DeepRoute(i++)));
}
BENCHMARK(BM_Compile);

void BM_Normalise(benchmark::State& state, const char* path) {
  std::string buffer(path);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Normalise(path, EscapedSlashes::kReject, buffer.data()));
  }
}
BENCHMARK_CAPTURE(BM_Normalise, short_plain, "/orders/17");
BENCHMARK_CAPTURE(BM_Normalise, plain, "/api/v1/customers/4711/orders/17/items");
BENCHMARK_CAPTURE(BM_Normalise, with_work, "/api/v1/./customers/%34711//orders/a/../17/items");

}  // namespace
}  // namespace sluice::match
