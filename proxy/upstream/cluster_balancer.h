// Chooses an endpoint of an upstream for each request: one worker's.
//
//   ClusterBalancer balancer(settings, endpoints, worker_random.Next());
//   if (std::optional<uint32_t> endpoint = balancer.Pick({.now_ns = loop.now_ns()})) {
//     ActiveRequest active = balancer.OnStart(*endpoint);
//
// Follows the health of endpoints: each pick compares the board's version with the one that it has
// seen, and sorts the endpoints anew when that has changed. While nothing changes a pick takes no
// lock, makes no system call and allocates nothing.
//
// Thread: its worker's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/upstream/endpoint_group.h"
#include "proxy/upstream/settings.h"

namespace sluice::upstream {

class ClusterBalancer {
 public:
  // `seed` differs between workers.
  ClusterBalancer(std::shared_ptr<const Settings> settings,
                  std::shared_ptr<const EndpointSet> endpoints, uint64_t seed);
  ClusterBalancer(const ClusterBalancer&) = delete;
  ClusterBalancer& operator=(const ClusterBalancer&) = delete;

  // Endpoints that stay, by address, keep their place in the rotation, their active requests and
  // their latency. O(n); allocates.
  void Adopt(std::shared_ptr<const Settings> settings,
             std::shared_ptr<const EndpointSet> endpoints);

  // An index into the endpoints, or nothing if none may be chosen or all are excluded.
  std::optional<uint32_t> Pick(const PickRequest& request) {
    const uint64_t version = settings_->board->version();
    if (!all_.is_sorted_at(version)) [[unlikely]]
      Sort(request.now_ns, version);
    return all_.Pick(request);
  }

  // The same from the subset of that key, or from what the upstream has instead if there is no such
  // subset; empty is a key that no subset has.
  std::optional<uint32_t> PickFrom(absl::string_view key, const PickRequest& request);

  // The request goes to `endpoint`, a result of Pick() on the present endpoints.
  ActiveRequest OnStart(uint32_t endpoint) { return loads_.OnStart(endpoint); }

 private:
  void Sort(int64_t now_ns, uint64_t version);
  void KeepSubsets(const EndpointSet& before);

  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<const EndpointSet> endpoints_;
  EndpointLoads loads_;
  EndpointGroup all_;
  // As in endpoints_->subsets; null before the first pick from it.
  std::vector<std::unique_ptr<EndpointGroup>> subsets_;
  FastRandom random_;
};

// Makes a pick pass over the endpoints of some addresses: where the request has failed before.
// Lifetime: until the pick is made.
struct TriedAddresses {
  const EndpointSet& endpoints;  // Among which is picked.
  std::span<const net::Address> addresses;

  void ExcludeFrom(PickRequest& request) const {
    if (addresses.empty()) return;
    request.context = this;
    request.is_excluded = [](const void* context, uint32_t endpoint) {
      const auto& tried = *static_cast<const TriedAddresses*>(context);
      const net::Address& address = tried.endpoints.endpoints[endpoint]->address;
      return std::find(tried.addresses.begin(), tried.addresses.end(), address) !=
             tried.addresses.end();
    };
  }
};

}  // namespace sluice::upstream
