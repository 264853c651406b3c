// Chooses an endpoint for each request: one worker's view of one upstream.
//
//   Balancer balancer(upstream.table, worker_random.Next());
//   if (std::optional<uint32_t> endpoint = balancer.Pick({.hash = StableHash(user)})) {
//     ActiveRequest active = balancer.OnStart(*endpoint);
//     ...
//     active.OnEnd(latency_ns, loop.now_ns());
//   }
//
// Picks cost nanoseconds, take no lock, make no system call and allocate nothing.
//
// Thread: its worker's. Workers balance apart: each is fair on its own, and starts at a place of
// its own. The consistent policies (ip_hash, hash, maglev) answer alike on all workers and proxies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/upstream/balancer/endpoint_load.h"
#include "proxy/upstream/balancer/endpoint_table.h"
#include "proxy/upstream/balancer/fast_random.h"
#include "proxy/upstream/balancer/rotation.h"

namespace sluice::upstream {

struct PickRequest {
  // What the consistent policies go by: StableHash() of the value of `hash_on`, for ip_hash of the
  // client's address. Without it they pick by weight at random.
  std::optional<uint64_t> hash;

  // Monotonic; the loop's clock. Only ewma looks at it.
  int64_t now_ns = 0;

  // True for an endpoint that must not be picked: it is unhealthy, or an earlier attempt failed
  // there. Null: all may be. `context` is passed to it.
  bool (*is_excluded)(const void* context, uint32_t endpoint) = nullptr;
  const void* context = nullptr;
};

class Balancer {
 public:
  // `seed` differs between workers.
  Balancer(std::shared_ptr<const EndpointTable> table, uint64_t seed);
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  // Replaces the table. Endpoints that stay, by id, keep their place in the rotation, their active
  // requests and their latency. O(n); allocates.
  void Adopt(std::shared_ptr<const EndpointTable> table);

  // An index into table().endpoints(), or nothing if none has a weight or all are excluded.
  // Exclusion is meant for few: with most endpoints excluded a pick becomes O(n).
  std::optional<uint32_t> Pick(const PickRequest& request);

  // The request goes to `endpoint`, a result of Pick() on the present table. The policies that
  // weigh load (least_request, ewma) count it until the result ends; for others it costs nothing.
  ActiveRequest OnStart(uint32_t endpoint);

  const EndpointTable& table() const { return *table_; }

 private:
  using OptionalEndpoint = std::optional<uint32_t>;

  OptionalEndpoint PickInTurn(const PickRequest& request);
  OptionalEndpoint PickByHash(const PickRequest& request);
  OptionalEndpoint PickByWeight(const PickRequest& request);
  OptionalEndpoint PickBetterOfTwo(const PickRequest& request);
  OptionalEndpoint PickFromAll(const PickRequest& request);
  bool IsBetter(uint32_t a, uint32_t b, int64_t now_ns) const;
  double Cost(uint32_t endpoint, int64_t now_ns) const;
  uint32_t Draw();
  bool CountsLoad() const;
  static void Unlist(EndpointLoad* load);

  std::shared_ptr<const EndpointTable> table_;
  FastRandom random_;
  Rotation rotation_;  // Only round_robin.
  // By endpoint; only the policies that weigh load. Owned; one that leaves the table while
  // requests are active on it is left to the last of them.
  std::vector<EndpointLoad*> loads_;
};

}  // namespace sluice::upstream
