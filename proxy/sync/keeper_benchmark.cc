// What keeping a view costs, by the number of its routes: the start from disk, one changed route,
// writing the journal anew, memory.
//
//   bazel run --config=release //proxy/sync:keeper_benchmark
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/sync/journal.h"
#include "proxy/sync/keeper.h"
#include "proxy/sync/testing/update.h"
#include "proxy/sync/testing/views.h"

namespace sluice::sync {
namespace {

constexpr size_t kRouteBytes = 300;

std::vector<ViewChange::Upsert> Routes(int64_t count) {
  std::vector<ViewChange::Upsert> routes;
  for (int64_t i = 0; i < count; ++i) {
    routes.push_back(TestRoute("route-" + std::to_string(i), std::string(kRouteBytes, 'x')));
  }
  return routes;
}

// Applies nothing, at once: what is measured is the keeping.
class NoApplier final : public Applier {
 public:
  void Apply(const ViewChange&, absl::AnyInvocable<void(Result)> done) override { done({}); }
};

class NoEvents final : public KeeperEvents {
 public:
  void OnBooted(const std::optional<Generation>&) override {}
  void OnPartTaken(size_t) override {}
  void OnPhase(const PhaseReport&) override {}
  void OnResync(const std::string&) override {}
  void OnStaleServer(const std::string&) override {}
  void OnPersisted(const std::optional<Generation>&, const std::string&) override {}
};

// A process with a state directory.
struct Process {
  explicit Process(const TestDirectory& directory)
      : state(*StateDirectory::Open(directory.path())),
        keeper(std::make_unique<Keeper>(loop, clock, *state,
                                        *ActivationMarker::Open(*state, MachineState()), applier)) {
    keeper->Boot(events);
  }
  void Take(const std::vector<UpdatePart>& update) {
    for (const UpdatePart& part : update) keeper->TakePart(part);
  }

  SystemClock clock;
  event::Loop loop{clock};
  NoApplier applier;
  NoEvents events;
  std::unique_ptr<StateDirectory> state;
  std::unique_ptr<Keeper> keeper;
};

void BM_BootFromDisk(benchmark::State& state) {
  const TestDirectory directory;
  TestView view;
  Process(directory).Take(MakeUpdate(std::nullopt, view.Apply(Routes(state.range(0)))));
  for (auto _ : state) Process again(directory);
}
BENCHMARK(BM_BootFromDisk)->Arg(1'000)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void BM_FullUpdate(benchmark::State& state) {
  TestView view;
  const auto update = MakeUpdate(std::nullopt, view.Apply(Routes(state.range(0))));
  for (auto _ : state) {
    const TestDirectory directory;
    Process process(directory);
    process.Take(update);
  }
}
BENCHMARK(BM_FullUpdate)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void BM_OneChangedRoute(benchmark::State& state) {
  const TestDirectory directory;
  TestView view;
  Process process(directory);
  process.Take(MakeUpdate(std::nullopt, view.Apply(Routes(state.range(0)))));
  int round = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const Generation from = view.generation;
    const auto update =
        MakeUpdate(from, view.Apply({TestRoute("route-7", std::to_string(++round))}));
    state.ResumeTiming();
    process.Take(update);
  }
}
BENCHMARK(BM_OneChangedRoute)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void BM_Compaction(benchmark::State& state) {
  const TestDirectory directory;
  TestView view;
  auto files = *StateDirectory::Open(directory.path());
  Journal journal(*files);
  journal.Load("").IgnoreError();
  ViewChange change = view.Apply(Routes(state.range(0)));
  HeldView held;
  auto hash = *held.Reduce(change, /*is_full=*/true);
  held.Adopt(change, hash, *journal.Append(change, held));
  for (auto _ : state) journal.Compact(held).IgnoreError();
}
BENCHMARK(BM_Compaction)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void BM_MemoryOfAKeptRoute(benchmark::State& state) {
  TestView view;
  const auto update = MakeUpdate(std::nullopt, view.Apply(Routes(state.range(0))));
  for (auto _ : state) {
    const TestDirectory directory;
    Process process(directory);
    const size_t before = mallinfo2().uordblks;
    process.Take(update);
    state.counters["bytes/route"] =
        static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(state.range(0));
  }
}
BENCHMARK(BM_MemoryOfAKeptRoute)->Arg(100'000)->Iterations(1);

}  // namespace
}  // namespace sluice::sync
