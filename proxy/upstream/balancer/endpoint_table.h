// The endpoints of one upstream and what its balancing policy computes ahead about them.
//
// The whole is built on the build thread, as part of a generation or after a DNS answer; then
// immutable and shared by all workers. A worker makes parts of it: those endpoints that may be
// chosen now (EndpointGroup).
//
// Cost to build: microseconds, but for the policies with slots (ip_hash, hash, maglev), which take
// 3 to 8 ms and 128 KiB, whatever the number of endpoints. A part takes microseconds always: it
// has the slots of the whole and passes over those of others, so that a key moves only if its
// endpoint does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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

// Whether what a request hashes to decides where it goes.
constexpr bool IsConsistent(Policy policy) {
  return policy == Policy::kIpHash || policy == Policy::kHash || policy == Policy::kMaglev;
}

struct BalancedEndpoint {
  // Who it is, across tables and proxies: StableHash() of its address. Ids of a table differ.
  uint64_t id;
  // Share relative to the others; 0 gets nothing. More than kMaxWeight counts as kMaxWeight.
  uint32_t weight;
};

// An endpoint of a part, by its index in the whole.
struct EndpointShare {
  uint32_t endpoint;
  uint32_t weight;  // 1 to EndpointTable::kMaxWeight. The policies with slots do not look at it.
};

class EndpointTable {
 public:
  static constexpr uint32_t kMaxWeight = 65535;
  // Further endpoints, by id, get nothing.
  static constexpr uint32_t kMaxEndpoints = 65535;

  // Picks are indices into `endpoints`, whose order has no influence on the hash policies.
  EndpointTable(Policy policy, std::vector<BalancedEndpoint> endpoints);

  // A part of `whole`, in which indices mean the same. `shares` are of whole.weighted(), in its
  // order.
  EndpointTable(const EndpointTable& whole, std::span<const EndpointShare> shares);

  Policy policy() const { return whole_->policy; }
  // Of the whole.
  const std::vector<BalancedEndpoint>& endpoints() const { return whole_->endpoints; }

  // Indices of the endpoints that have a share, by id.
  const std::vector<uint32_t>& weighted() const { return weighted_; }
  // In step with weighted().
  const std::vector<uint32_t>& weights() const { return weights_; }

  // Draws places in weighted().
  const AliasTable& sampler() const { return sampler_; }

  // Empty unless the policy uses it and the whole has two endpoints to choose from.
  const SlotTable& slots() const { return whole_->slots; }
  // The owner of a slot, if it is of this part.
  std::optional<uint32_t> OwnerOf(size_t slot) const {
    const uint16_t place = whole_->slots.Owner(slot);
    if (!present_.empty() && (present_[place / 64] >> (place % 64) & 1) == 0) return std::nullopt;
    return whole_->weighted[place];
  }
  // How many endpoints have slots.
  size_t owner_count() const { return whole_->weighted.size(); }

  // Of weighted(), by the weights of the whole; 0 if that is empty.
  double mean_weight() const { return mean_weight_; }

 private:
  struct Whole {
    Policy policy;
    std::vector<BalancedEndpoint> endpoints;
    std::vector<uint32_t> weighted;  // By place.
    SlotTable slots;                 // Owned by places.
  };

  static std::shared_ptr<const Whole> MakeWhole(Policy policy,
                                                std::vector<BalancedEndpoint> endpoints);
  void Finish();

  std::shared_ptr<const Whole> whole_;
  std::vector<uint32_t> weighted_;
  std::vector<uint32_t> weights_;
  std::vector<uint64_t> present_;  // A bit a place; empty for the whole, and without slots.
  AliasTable sampler_;
  double mean_weight_ = 0;
};

}  // namespace sluice::upstream
