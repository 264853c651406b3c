// What a pick costs with health, priorities and slow start, and what sorting costs after a change.
//
//   bazel run -c opt //proxy/upstream:cluster_balancer_benchmark
#include <benchmark/benchmark.h>

#include <memory>
#include <utility>
#include <vector>

#include "proxy/upstream/cluster_balancer.h"

namespace sluice::upstream {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::vector<Endpoint> Endpoints(int64_t count, uint32_t priorities = 1) {
  std::vector<Endpoint> endpoints;
  for (int64_t i = 0; i < count; ++i) {
    Endpoint& endpoint = endpoints.emplace_back();
    const auto host = static_cast<uint32_t>(0x0a000000 + i);
    endpoint.address = net::Address(net::IpAddress::V4(host), 8080);
    endpoint.weight = static_cast<uint32_t>(1 + i % 3);
    endpoint.priority = static_cast<uint32_t>(i) % priorities;
  }
  return endpoints;
}

struct Fixture {
  explicit Fixture(std::vector<Endpoint> list, Settings with = {})
      : settings(std::make_shared<const Settings>(std::move(with))),
        set(std::make_shared<const EndpointSet>(settings->policy, std::move(list))),
        balancer(settings, set, 1) {}

  const std::shared_ptr<const Settings> settings;
  const std::shared_ptr<const EndpointSet> set;
  ClusterBalancer balancer;
};

void Pick(benchmark::State& state, Fixture& fixture) {
  int64_t now_ns = 100 * kSecond;
  for (auto _ : state) benchmark::DoNotOptimize(fixture.balancer.Pick({.now_ns = ++now_ns}));
}

void PickPlain(benchmark::State& state) {
  Fixture fixture(Endpoints(state.range(0)));
  Pick(state, fixture);
}

void PickWithOneUnhealthy(benchmark::State& state) {
  Fixture fixture(Endpoints(state.range(0)));
  fixture.set->endpoints[0]->health->Set(EndpointHealth::kFailedCheck);
  Pick(state, fixture);
}

void PickWithTwoPriorities(benchmark::State& state) {
  Fixture fixture(Endpoints(state.range(0), 2));
  Pick(state, fixture);
}

void PickInSlowStart(benchmark::State& state) {
  Settings settings;
  settings.slow_start.window_ns = 3600 * kSecond;
  Fixture fixture(Endpoints(state.range(0)), std::move(settings));
  fixture.set->endpoints[0]->health->SetHealthySince(100 * kSecond);
  Pick(state, fixture);
}

// A change of health before every pick.
void Sort(benchmark::State& state, Policy policy) {
  Settings settings;
  settings.policy = policy;
  Fixture fixture(Endpoints(state.range(0)), std::move(settings));
  EndpointHealth& health = *fixture.set->endpoints[0]->health;
  for (auto _ : state) {
    if (!health.Set(EndpointHealth::kFailedCheck)) health.Clear(EndpointHealth::kFailedCheck);
    fixture.settings->board->NoteChange();
    benchmark::DoNotOptimize(fixture.balancer.Pick({.hash = 1}));
  }
}

BENCHMARK(PickPlain)->Arg(10)->Arg(4096);
BENCHMARK(PickWithOneUnhealthy)->Arg(10)->Arg(4096);
BENCHMARK(PickWithTwoPriorities)->Arg(10)->Arg(4096);
BENCHMARK(PickInSlowStart)->Arg(10)->Arg(4096);
BENCHMARK_CAPTURE(Sort, round_robin, Policy::kRoundRobin)->Arg(10)->Arg(4096);
BENCHMARK_CAPTURE(Sort, maglev, Policy::kMaglev)->Arg(10)->Arg(4096);

}  // namespace
}  // namespace sluice::upstream
