// Smooth weighted round robin: each endpoint's turns are spread evenly over time.
//
// Weights 5, 1, 1 give a a b a a c a, not five times a in a row, whatever the number of endpoints:
// a turn costs O(log n). Over any stretch an endpoint has its share, give or take one turn.
//
// Thread: its worker's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/upstream/balancer/endpoint_table.h"
#include "proxy/upstream/balancer/fast_random.h"

namespace sluice::upstream {

class Rotation {
 public:
  // Continues the rotation with the endpoints of `table`: one that stays keeps its place, a new
  // one gets a random place. Allocates.
  void Adopt(const EndpointTable& table, FastRandom& random);

  // Whose turn it is, which thereby is used up. Not to be called without endpoints.
  uint32_t Next();

 private:
  struct Turn {
    uint64_t at;      // Wraps around; compared by difference.
    uint64_t stride;  // From one turn to the next: kStride / weight.
    uint64_t id;
    uint32_t endpoint;
  };

  static bool Later(const Turn& a, const Turn& b) { return static_cast<int64_t>(a.at - b.at) > 0; }

  std::vector<Turn> heap_;  // The earliest turn first.
  uint64_t now_ = 0;        // When the last turn was.
};

}  // namespace sluice::upstream
