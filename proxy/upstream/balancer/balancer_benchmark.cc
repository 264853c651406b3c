// What a pick costs, by policy and number of endpoints; building the tables, too.
//
//   bazel run -c opt //proxy/upstream/balancer:balancer_benchmark
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proxy/upstream/balancer/balancer.h"
#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::upstream {
namespace {

std::shared_ptr<const EndpointTable> Table(Policy policy, int64_t endpoints) {
  std::vector<BalancedEndpoint> list;
  for (int64_t i = 0; i < endpoints; ++i) {
    list.push_back(
        {StableHash(absl::StrCat("10.0.0.", i, ":8080")), static_cast<uint32_t>(1 + i % 3)});
  }
  return std::make_shared<EndpointTable>(policy, std::move(list));
}

void Pick(benchmark::State& state, Policy policy) {
  const auto table = Table(policy, state.range(0));
  EndpointLoads loads;
  loads.Adopt(*table);
  Balancer balancer(table, loads, 1);
  FastRandom users(2);
  int64_t now_ns = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(balancer.Pick({.hash = users.Next(), .now_ns = ++now_ns}));
  }
}

// A pick together with the two hooks, as a request does it.
void PickAndCount(benchmark::State& state, Policy policy) {
  const auto table = Table(policy, state.range(0));
  EndpointLoads loads;
  loads.Adopt(*table);
  Balancer balancer(table, loads, 1);
  PickRequest request;
  for (auto _ : state) {
    ++request.now_ns;
    ActiveRequest active = loads.OnStart(*balancer.Pick(request));
    active.OnEnd(1'000'000, request.now_ns);
  }
}

void Build(benchmark::State& state, Policy policy) {
  for (auto _ : state) benchmark::DoNotOptimize(Table(policy, state.range(0)));
}

void Hash(benchmark::State& state) {
  const std::string key(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(StableHash(key));
}

BENCHMARK_CAPTURE(Pick, round_robin, Policy::kRoundRobin)->Arg(10)->Arg(4096);
BENCHMARK_CAPTURE(Pick, least_request, Policy::kLeastRequest)->Arg(10)->Arg(4096);
BENCHMARK_CAPTURE(Pick, hash, Policy::kHash)->Arg(10)->Arg(4096);
BENCHMARK_CAPTURE(Pick, maglev, Policy::kMaglev)->Arg(10)->Arg(4096);
BENCHMARK_CAPTURE(Pick, random, Policy::kRandom)->Arg(10)->Arg(4096);
BENCHMARK_CAPTURE(Pick, ewma, Policy::kEwma)->Arg(10)->Arg(4096);
BENCHMARK_CAPTURE(PickAndCount, least_request, Policy::kLeastRequest)->Arg(10);
BENCHMARK_CAPTURE(PickAndCount, ewma, Policy::kEwma)->Arg(10);
BENCHMARK_CAPTURE(Build, hash, Policy::kHash)->Arg(10)->Arg(4096)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Build, maglev, Policy::kMaglev)
    ->Arg(10)
    ->Arg(4096)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(Hash)->Arg(13)->Arg(40);

}  // namespace
}  // namespace sluice::upstream
