// Which of an upstream's endpoints a proxy prefers because they are in its own zone, and how much
// it sends to others so that no zone gets more than it can take.
//
// A proxy does not know where the others are. It takes them to be spread evenly over the zones in
// which the upstream has endpoints: each zone then has the same to send, and what its own endpoints
// cannot take of that, at their part of all healthy weight, goes to zones that have some to
// spare.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/upstream/balancer/endpoint_table.h"

namespace sluice::upstream {

struct ZonedEndpoint {
  EndpointShare share;
  absl::string_view zone;  // Empty: not known. Such a one is far from everybody.
};

struct ZoneSplit {
  std::vector<EndpointShare> near;
  std::vector<EndpointShare> far;  // At weights that spare zones that have enough.
  uint64_t near_load = 0;          // Of kAllLoad.
};

// `healthy` are those that may be chosen; `zones` how many zones have endpoints, whatever their
// health. Without a healthy endpoint in zone `own` all are far.
ZoneSplit SplitByZone(std::span<const ZonedEndpoint> healthy, absl::string_view own, size_t zones);

}  // namespace sluice::upstream
