// Chooses an endpoint for each request among those of a table, all of which may serve.
//
//   loads.Adopt(*upstream.table);
//   Balancer balancer(upstream.table, loads, worker_random.Next());
//   if (std::optional<uint32_t> endpoint = balancer.Pick({.hash = StableHash(user)})) {
//     ActiveRequest active = loads.OnStart(*endpoint);
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

#include "proxy/upstream/balancer/endpoint_loads.h"
#include "proxy/upstream/balancer/endpoint_table.h"
#include "proxy/upstream/balancer/fast_random.h"
#include "proxy/upstream/balancer/rotation.h"
#include "proxy/upstream/balancer/warm_up.h"

namespace sluice::upstream {

struct PickRequest {
  // What the consistent policies go by: StableHash() of the value of `hash_on`, for ip_hash of the
  // client's address. Without it they pick by weight at random.
  std::optional<uint64_t> hash;

  // Monotonic; the loop's clock. Only ewma and slow start look at it.
  int64_t now_ns = 0;

  // True for an endpoint that must not be picked: an earlier attempt failed there. Null: all may
  // be. `context` is passed to it.
  bool (*is_excluded)(const void* context, uint32_t endpoint) = nullptr;
  const void* context = nullptr;

  // Which endpoints are cold. Null: none is. What a hash picks is not asked.
  const WarmUp* warm_up = nullptr;
};

class Balancer {
 public:
  // `loads` follow the endpoints of every table that is adopted, and outlive the balancer. `seed`
  // differs between workers.
  Balancer(std::shared_ptr<const EndpointTable> table, const EndpointLoads& loads, uint64_t seed);
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  // Replaces the table. Endpoints that stay, by id, keep their place in the rotation. O(n);
  // allocates.
  void Adopt(std::shared_ptr<const EndpointTable> table);

  // An index into table().endpoints(), or nothing if none has a weight or all are excluded.
  // Exclusion is meant for few: with most endpoints excluded a pick becomes O(n).
  std::optional<uint32_t> Pick(const PickRequest& request);

  const EndpointTable& table() const { return *table_; }

 private:
  using OptionalEndpoint = std::optional<uint32_t>;

  template <typename Next>
  OptionalEndpoint PickFirst(const PickRequest& request, Next next);
  OptionalEndpoint PickInTurn(const PickRequest& request);
  OptionalEndpoint PickByHash(const PickRequest& request);
  OptionalEndpoint PickByWeight(const PickRequest& request);
  OptionalEndpoint PickBetterOfTwo(const PickRequest& request);
  OptionalEndpoint PickFromAll(const PickRequest& request);
  bool IsBetter(uint32_t a, uint32_t b, int64_t now_ns) const;
  double Cost(uint32_t endpoint, int64_t now_ns) const;
  uint32_t Draw();
  bool IsCold(const PickRequest& request, uint32_t endpoint);

  std::shared_ptr<const EndpointTable> table_;
  const EndpointLoads& loads_;
  FastRandom random_;
  Rotation rotation_;  // Only round_robin.
};

}  // namespace sluice::upstream
