// What an apply costs: bazel run -c opt //controlplane/admin:admin_benchmark
#include <benchmark/benchmark.h>

#include "absl/strings/str_cat.h"
#include "controlplane/admin/admin_service.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::admin {
namespace {

void AddUpstream(v1::ApplyRequest& request) {
  v1::Resource& resource = *request.add_items()->mutable_resource();
  resource.set_name("orders");
  resource.mutable_upstream()->add_endpoints()->set_address("10.0.0.1:8080");
}

void AddRoute(int i, int version, v1::ApplyRequest& request) {
  v1::Resource& resource = *request.add_items()->mutable_resource();
  resource.set_name(absl::StrCat("route-", i));
  (*resource.mutable_labels())["team"] = absl::StrCat("team-", i % 100);
  v1::Route& route = *resource.mutable_route();
  route.add_hosts(absl::StrCat("host-", i % 1000, ".example.com"));
  route.add_paths(absl::StrCat("/service-", i, "/{id}/*"));
  route.set_upstream("orders");
  route.mutable_timeout()->set_seconds(1 + version % 100);
}

ApplyCall Complete(v1::ApplyRequest request) {
  request.mutable_options();
  request.set_last(true);
  ApplyCall call;
  call.Add(std::move(request)).IgnoreError();
  return call;
}

ApplyCall AllRoutes(int count) {
  v1::ApplyRequest request;
  AddUpstream(request);
  for (int i = 0; i < count; ++i) AddRoute(i, 0, request);
  return Complete(std::move(request));
}

// A service that holds `count` routes.
struct Service {
  explicit Service(int count) {
    const auto applied = admin->Apply(AllRoutes(count), "benchmark");
    if (!applied.ok()) std::abort();
  }

  store::TempDir dir;
  SystemClock clock;
  std::unique_ptr<store::SqliteStore> store = *store::SqliteStore::Open(dir.path(), {});
  std::unique_ptr<store::Ledger> ledger = *store::Ledger::Open(*store, clock);
  std::unique_ptr<AdminService> admin = *AdminService::Open(*ledger, clock, nullptr);
};

void BM_ApplyOneRouteOf(benchmark::State& state) {
  const int count = static_cast<int>(state.range(0));
  Service service(count);
  int version = 0;
  for (auto _ : state) {
    ++version;
    v1::ApplyRequest request;
    AddRoute(version * 7919 % count, version, request);
    const auto applied = service.admin->Apply(Complete(std::move(request)), "benchmark");
    if (!applied.ok()) state.SkipWithError(std::string(applied.status().message()).c_str());
  }
}
BENCHMARK(BM_ApplyOneRouteOf)
    ->Arg(100)
    ->Arg(100'000)
    ->Iterations(500)
    ->Unit(benchmark::kMillisecond);

void BM_PruneOneTeamOf(benchmark::State& state) {
  Service service(static_cast<int>(state.range(0)));
  int version = 0;
  for (auto _ : state) {
    v1::ApplyRequest request;
    for (int i = 7; i < state.range(0); i += 100) AddRoute(i, ++version, request);
    request.mutable_options()->set_prune("team=team-7");
    const auto applied = service.admin->Apply(Complete(std::move(request)), "benchmark");
    if (!applied.ok()) state.SkipWithError(std::string(applied.status().message()).c_str());
  }
}
BENCHMARK(BM_PruneOneTeamOf)->Arg(100'000)->Iterations(3)->Unit(benchmark::kMillisecond);

void BM_ApplyAtOnce(benchmark::State& state) {
  for (auto _ : state) Service service(static_cast<int>(state.range(0)));
}
BENCHMARK(BM_ApplyAtOnce)->Arg(100'000)->Iterations(1)->Unit(benchmark::kMillisecond);

void BM_Open(benchmark::State& state) {
  Service service(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(*AdminService::Open(*service.ledger, service.clock, nullptr));
  }
}
BENCHMARK(BM_Open)->Arg(100'000)->Iterations(2)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::admin
