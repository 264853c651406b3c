// The endpoints of one upstream and what its balancing policy computes ahead about them.
//
// Built on the build thread, as part of a generation or after a DNS answer; then immutable and
// shared by all workers, each of which has a Balancer of its own on it.
//
// Cost to build: microseconds, but for the policies with slots (ip_hash, hash, maglev), which take
// 3 to 8 ms and 128 KiB, whatever the number of endpoints.
#pragma once

#include <cstdint>
#include <vector>

#include "proxy/upstream/balancer/alias_table.h"
#include "proxy/upstream/balancer/slot_table.h"

namespace sluice::upstream {

// As in Upstream.policy of the configuration.
enum class Policy : uint8_t {
  kRoundRobin,
  kLeastRequest,
  kIpHash,
  kHash,
  kMaglev,
  kRandom,
  kEwma,
};

struct BalancedEndpoint {
  // Who it is, across tables and proxies: StableHash() of its address. Ids of a table differ.
  uint64_t id;
  // Share relative to the others; 0 gets nothing. More than kMaxWeight counts as kMaxWeight.
  uint32_t weight;
};

class EndpointTable {
 public:
  static constexpr uint32_t kMaxWeight = 65535;
  // Further endpoints, by id, get nothing.
  static constexpr uint32_t kMaxEndpoints = 65535;

  // Picks are indices into `endpoints`, whose order has no influence on the hash policies.
  EndpointTable(Policy policy, std::vector<BalancedEndpoint> endpoints);

  Policy policy() const { return policy_; }
  const std::vector<BalancedEndpoint>& endpoints() const { return endpoints_; }

  // Indices of the endpoints that have a weight, by id.
  const std::vector<uint32_t>& weighted() const { return weighted_; }

  // Draws places in weighted().
  const AliasTable& sampler() const { return sampler_; }

  // Empty unless the policy uses it and there are two endpoints to choose from.
  const SlotTable& slots() const { return slots_; }

  // Of weighted(); 0 if that is empty.
  double mean_weight() const { return mean_weight_; }

 private:
  const Policy policy_;
  std::vector<BalancedEndpoint> endpoints_;
  std::vector<uint32_t> weighted_;
  AliasTable sampler_;
  SlotTable slots_;
  double mean_weight_ = 0;
};

}  // namespace sluice::upstream
