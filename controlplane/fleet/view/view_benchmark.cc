// What a commit of one route costs a view, by the number of routes.
#include <benchmark/benchmark.h>

#include "absl/strings/str_cat.h"
#include "controlplane/fleet/testing/desired.h"
#include "controlplane/fleet/view/feed.h"

namespace sluice::fleet {
namespace {

v1::Resource Route(int64_t number, int64_t version) {
  v1::Resource route = RouteTo("u", absl::StrCat("route-", number));
  route.mutable_route()->add_paths(absl::StrCat("/service-", number, "/*"));
  route.set_description(absl::StrCat("version ", version));
  return route;
}

void LoadRoutes(int64_t count, Desired* desired, Catalog* catalog) {
  std::vector<store::ResourceChange> all = {desired->Put(Upstream("u"))};
  for (int64_t i = 0; i < count; ++i) all.push_back(desired->Put(Route(i, 0)));
  catalog->Sweep(catalog->Apply(all, {}));
}

// From the commit to the encoded update.
void OneRouteChanges(benchmark::State& state) {
  Desired desired;
  Catalog catalog;
  LoadRoutes(state.range(0), &desired, &catalog);
  Feed feed(catalog, {}, {});
  int64_t version = 0;
  for (auto step : state) {
    ++version;
    const Generation held = {{"store", 1, static_cast<uint64_t>(version)}, feed.view().hash()};
    const store::ResourceChange change = desired.Put(Route(version % state.range(0), version));
    const Catalog::Touched touched = catalog.Apply({change}, {});
    feed.Follow(touched);
    catalog.Sweep(touched);
    const store::GenerationId next = {"store", 1, static_cast<uint64_t>(version) + 1};
    benchmark::DoNotOptimize(feed.UpdateTo(next, absl::UnixEpoch(), held));
  }
}
BENCHMARK(OneRouteChanges)->Arg(1'000)->Arg(10'000)->Arg(100'000);

// A set of groups that no proxy was in before, and its first full update.
void AViewIsMade(benchmark::State& state) {
  Desired desired;
  Catalog catalog;
  LoadRoutes(state.range(0), &desired, &catalog);
  for (auto step : state) {
    Feed feed(catalog, {}, {});
    benchmark::DoNotOptimize(feed.UpdateTo({"store", 1, 1}, absl::UnixEpoch(), std::nullopt));
  }
}
BENCHMARK(AViewIsMade)->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace sluice::fleet
