// Says beforehand which proxies a change would leave behind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "api/resource/problem.h"
#include "controlplane/admin/plan.h"
#include "controlplane/fleet/fleet.h"

namespace sluice::main {

// One problem for each changed resource that a connected proxy could not read, naming the first
// field that it cannot and the proxies. What such a proxy could not read before is no reason.
//
// Thread: any.
std::vector<resource::Problem> FindSkew(const fleet::Fleet& fleet,
                                        absl::Span<const admin::PlannedChange> changes);

// The connected proxies that cannot read a schema, for people; empty if all can.
//
// Thread: any.
std::string DescribeUnreadable(const fleet::Fleet& fleet, uint32_t schema);

}  // namespace sluice::main
