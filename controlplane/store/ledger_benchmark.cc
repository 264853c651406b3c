// What a commit costs: bazel run -c opt //controlplane/store:ledger_benchmark
#include <benchmark/benchmark.h>

#include "absl/strings/str_cat.h"
#include "controlplane/store/ledger.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/testing/temp_dir.h"

namespace sluice::store {
namespace {

ResourceWrite Route(int i, int version) {
  return {{resource::Kind::kRoute, "", absl::StrCat("route-", i)},
          absl::StrCat(std::string(250, 'x'), i, version)};
}

std::vector<ResourceWrite> Routes(int count) {
  std::vector<ResourceWrite> writes;
  for (int i = 0; i < count; ++i) writes.push_back(Route(i, 0));
  return writes;
}

void BM_CommitOneOf(benchmark::State& state) {
  TempDir dir;
  SystemClock clock;
  auto store = *SqliteStore::Open(dir.path(), {});
  auto ledger = *Ledger::Open(*store, clock);
  ledger->Commit(Routes(static_cast<int>(state.range(0))), {}, 0).IgnoreError();
  int version = 0;
  for (auto _ : state) {
    ++version;
    const auto done =
        ledger->Commit({Route(version * 7919 % static_cast<int>(state.range(0)), version)}, {},
                       ledger->state()->head.configuration);
    if (!done.ok()) state.SkipWithError(std::string(done.status().message()).c_str());
  }
}
BENCHMARK(BM_CommitOneOf)->Arg(100)->Arg(100'000)->Iterations(500)->Unit(benchmark::kMillisecond);

void BM_CommitAtOnce(benchmark::State& state) {
  for (auto _ : state) {
    TempDir dir;
    SystemClock clock;
    auto store = *SqliteStore::Open(dir.path(), {});
    auto ledger = *Ledger::Open(*store, clock);
    ledger->Commit(Routes(static_cast<int>(state.range(0))), {}, 0).IgnoreError();
  }
}
BENCHMARK(BM_CommitAtOnce)->Arg(100'000)->Iterations(1)->Unit(benchmark::kMillisecond);

void BM_Open(benchmark::State& state) {
  TempDir dir;
  SystemClock clock;
  {
    auto store = *SqliteStore::Open(dir.path(), {});
    auto ledger = *Ledger::Open(*store, clock);
    ledger->Commit(Routes(static_cast<int>(state.range(0))), {}, 0).IgnoreError();
  }
  for (auto _ : state) {
    auto store = *SqliteStore::Open(dir.path(), {});
    auto ledger = *Ledger::Open(*store, clock);
    benchmark::DoNotOptimize(ledger->state());
  }
}
BENCHMARK(BM_Open)->Arg(100'000)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::store
