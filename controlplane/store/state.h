// One generation of everything, and what tells of the next.
#pragma once

#include <memory>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controlplane/store/persistent_set.h"
#include "controlplane/store/store.h"

namespace sluice::store {

using ResourceSet = PersistentSet<StoredResource>;  // By kind, namespace, name.
using EndpointSet = PersistentSet<StoredEndpoint>;  // By upstream, owner, address.

// One generation, whole. Immutable; copies share all that is the same.
//
//   for (const auto& resource : state->resources) ...                        // All, in order.
//   state->resources.Find(resource::Key{Kind::kRoute, "", "orders"})         // Null if missing.
//   state->resources.LowerBound(resource::Key{Kind::kRoute, "", ""})         // The first route.
//   state->endpoints.LowerBound(EndpointOrder("orders"))                     // Of one upstream.
struct State {
  Head head;
  ResourceSet resources;
  EndpointSet endpoints;
  std::shared_ptr<const StoredTickets> tickets;  // Null: none.
};

// Where endpoints of `upstream` (and `owner`, and `address`) stand in an EndpointSet. The result
// holds what it is given by view.
inline std::tuple<absl::string_view, absl::string_view, absl::string_view> EndpointOrder(
    absl::string_view upstream, absl::string_view owner = "", absl::string_view address = "") {
  return {upstream, owner, address};
}

// What subscribers are told of one commit.
struct CommitEvent {
  CommitRecord record;
  std::vector<ResourceChange> resources;  // By key.
  std::vector<EndpointChange> endpoints;  // By upstream, owner, address.
  bool changes_tickets = false;
  // As it is after the commit.
  std::shared_ptr<const State> state;
  // The first event of a subscription: no commit, but the state at which it begins.
  bool is_start = false;

  const GenerationId& generation() const { return state->head.generation; }
};

}  // namespace sluice::store
