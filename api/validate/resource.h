// Is this resource valid by itself? What it refers to is the business of index.h.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "api/match/route_spec.h"
#include "api/resource/problem.h"
#include "api/validate/field.h"
#include "sluice/v1/split.pb.h"

namespace sluice::v1 {
class Endpoint;
class Resource;
}  // namespace sluice::v1

namespace sluice::validate {

using resource::Problem;

// Adds every problem that the resource has: all bounds that the contract states
// (api/sluice/v1/*.proto, api/sluice/plugins/v1/*.proto). The problems say kind, name and field;
// where the resource stands is up to the caller (locate.h).
void CheckResource(const v1::Resource& resource, std::vector<Problem>& problems);

// The same, for a change: what is wrong in the same way with `before`, the resource that is to be
// replaced, is a warning. So a rule that became stricter does not stand in the way of a change of
// something else.
void CheckChange(const v1::Resource& before, const v1::Resource& after,
                 std::vector<Problem>& problems);

// The same of an endpoint that is part of no resource: one that is registered.
void CheckEndpoint(const v1::Endpoint& endpoint, const Field& field);

// The matching fields of a Route.
match::RouteSpec RouteSpecOf(const v1::Resource& resource);

// The same of a StreamRoute: its connections match as requests to a host without a path.
match::RouteSpec StreamSpecOf(const v1::Resource& resource);

// What an element of `upstreams` asks of a request, in the same form.
match::RouteSpec SpecOfWhen(const v1::WeightedUpstream::When& when);

}  // namespace sluice::validate
