// What one worker knows about the load of every endpoint of an upstream: the balancers of its
// groups and lanes weigh the same.
//
// Thread: its worker's.
#pragma once

#include <cstdint>
#include <vector>

#include "proxy/upstream/balancer/endpoint_load.h"
#include "proxy/upstream/balancer/endpoint_table.h"

namespace sluice::upstream {

class EndpointLoads {
 public:
  EndpointLoads() = default;
  ~EndpointLoads();
  EndpointLoads(const EndpointLoads&) = delete;
  EndpointLoads& operator=(const EndpointLoads&) = delete;

  // Follows the endpoints of `table`. Those that stay, by id, keep their active requests and their
  // latency. O(n); allocates.
  void Adopt(const EndpointTable& table);

  // A request goes to `endpoint`. The policies that weigh load (least_request, ewma) count it
  // until the result ends; for others it costs nothing.
  ActiveRequest OnStart(uint32_t endpoint) {
    return loads_.empty() ? ActiveRequest() : ActiveRequest(loads_[endpoint]);
  }

  // Only of the policies that weigh load.
  const EndpointLoad& operator[](uint32_t endpoint) const { return *loads_[endpoint]; }

 private:
  static void Unlist(EndpointLoad* load);

  // By endpoint; empty for policies that do not weigh load. Owned; one that leaves while requests
  // are active on it is left to the last of them.
  std::vector<EndpointLoad*> loads_;
  std::vector<uint64_t> ids_;  // In step.
};

}  // namespace sluice::upstream
