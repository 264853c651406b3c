// Why a request is served by the route that serves it, and not by another.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/match/request_view.h"
#include "api/match/table.h"

namespace sluice::match {

// A route that does not serve the request, but nearly does.
struct NearMiss {
  const Table::Route* route = nullptr;

  // The first of its conditions that fails: "host", "path", "method", "headers.x-team", "query.a",
  // "cookies.b", "client_ips". Empty if it matches and the winner goes before it.
  std::string fails;

  // If it matches, what decides for the winner: "host", "priority", "path", "predicates" (it has
  // fewer) or "name".
  std::string loses_by;
};

struct Explanation {
  const Table::Route* winner = nullptr;  // Null: no route serves the request.
  absl::string_view host;                // Which of the winner's hosts; empty if it has none.
  absl::string_view path;                // Which of its paths, as written.
  std::string allowed_methods;           // Without a winner, if only the method differs: for 405.

  // The nearest first: what matches, in order of rank; then what fails by a predicate; by the path
  // (the more segments fit the nearer); by the host.
  std::vector<NearMiss> near_misses;
  size_t further = 0;  // How many more there are that do not match, or were cut off.
};

// Asks every route, so it costs as much as there are routes: for people, not for traffic. The
// result points into the table. Routes of which neither host nor first segment fits are never
// listed.
Explanation Explain(const Table& table, const RequestView& request, size_t max_near_misses = 10);

// `fails headers.x-team`, `less specific than "orders": by priority`.
std::string NearMissText(const Explanation& explanation, const NearMiss& miss);

}  // namespace sluice::match
