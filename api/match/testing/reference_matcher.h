// The matching rules of docs/guide/routing.md, in the plainest way: every route is asked, the best
// one wins. Slow and independent of the table, which is checked against it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/match/route_spec.h"
#include "api/match/testing/test_request.h"

namespace sluice::match {

class ReferenceMatcher {
 public:
  // Routes by name, each one that Compile() accepts.
  std::map<std::string, RouteSpec> routes;

  // The name of the route that serves the request.
  std::optional<std::string> Match(const TestRequest& request) const;

  // The methods with which some route would match.
  std::set<std::string> AllowedMethods(const TestRequest& request) const;
};

}  // namespace sluice::match
