// A catalog and a view of their own, as they were then, follow the commits once more: who sees what
// is decided by the same code as for the present.
#include "controlplane/fleet/view/recall.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace sluice::fleet {
namespace {

// All that was configured at a generation; unset if that is no longer kept.
std::optional<store::ChangeSet> EverythingAt(store::Ledger& ledger, uint64_t generation) {
  const std::shared_ptr<const store::State> state = ledger.state();
  if (generation > state->head.generation.number) return std::nullopt;
  const absl::StatusOr<store::ResourceSet> resources = ledger.ResourcesAt(generation);
  const absl::StatusOr<store::ChangeSet> since =
      ledger.Changes(generation, state->head.generation.number);
  if (!resources.ok() || !since.ok() || !since->endpoints.has_value()) return std::nullopt;
  store::EndpointSet endpoints = state->endpoints;
  for (const store::EndpointChange& change : *since->endpoints) {
    endpoints = change.before != nullptr ? endpoints.With(change.before)
                                         : endpoints.Without(change.after->order());
  }
  store::ChangeSet everything;
  everything.endpoints.emplace();
  for (const auto& resource : *resources) everything.resources.push_back({nullptr, resource});
  for (const auto& endpoint : endpoints) everything.endpoints->push_back({nullptr, endpoint});
  return everything;
}

}  // namespace

std::vector<Feed::PastStep> Recall(store::Ledger& ledger, const std::vector<std::string>& groups,
                                   const std::set<uint64_t>& from, uint64_t to) {
  std::vector<Feed::PastStep> steps;
  const std::shared_ptr<const store::StoredTickets> tickets = ledger.state()->tickets;
  auto at = tickets == nullptr ? from.begin() : from.lower_bound(tickets->changed_in);
  std::optional<store::ChangeSet> everything;
  while (at != from.end() && *at < to && !everything.has_value()) {
    everything = EverythingAt(ledger, *at);
    if (!everything.has_value()) ++at;
  }
  if (!everything.has_value()) return steps;
  Catalog catalog;
  catalog.Sweep(catalog.Apply(everything->resources, *everything->endpoints, tickets));
  View view(catalog, groups);
  everything.reset();
  while (at != from.end() && *at < to) {
    const uint64_t number = *at++;
    const uint64_t next = at != from.end() ? std::min(*at, to) : to;
    const absl::StatusOr<store::ChangeSet> changes = ledger.Changes(number, next);
    if (!changes.ok() || !changes->endpoints.has_value()) break;
    Feed::PastStep step;
    step.from_hash = view.hash();
    const Catalog::Touched touched = catalog.Apply(changes->resources, *changes->endpoints);
    step.delta = view.Apply(touched);
    catalog.Sweep(touched);
    step.to_hash = view.hash();
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace sluice::fleet
