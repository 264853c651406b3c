// Compiled configuration as an exchange reads it: immutable, free of protobuf, built by runtime/.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/match/normalise.h"
#include "api/match/table.h"
#include "base/prefetch.h"
#include "proxy/exchange/client_cert.h"
#include "proxy/exchange/cluster_slot.h"
#include "proxy/exchange/split.h"
#include "proxy/net/address.h"
#include "proxy/net/tls/server_context.h"
#include "proxy/observe/access_log_format.h"
#include "proxy/observe/log_thread.h"
#include "proxy/observe/worker_metrics.h"
#include "proxy/plugins/chain.h"
#include "proxy/upstream/retry_policy.h"
#include "proxy/upstream/subset.h"

namespace sluice::exchange {

// What an exchange may use longer than the generation lives that brought it. The builder frees it
// once no worker's PinTable counts its slot.
struct Pinned {
  uint32_t pin_slot = 0;
};

struct MirrorTarget {
  std::string upstream;
  uint32_t percent = 100;
  std::shared_ptr<const upstream::SubsetChoice> subset;  // Null: any endpoint.
  uint32_t cluster_slot = kNoCluster;
  std::shared_ptr<const void> cluster_lease;  // Keeps cluster_slot.
};

// Where the requests of a route go beside its one upstream.
struct RouteTraffic {
  std::unique_ptr<Split> split;  // Null: to the one.
  std::vector<MirrorTarget> mirrors;
};

// What every request reads of a route: one line of the cache, for with 100 000 routes each line
// that a request touches is a miss.
struct alignas(64) RouteHead : Pinned {
  // Where workers keep its cluster; kNoCluster where plugins answer, and with a split.
  uint32_t cluster_slot = kNoCluster;
  observe::MetricGroup<observe::RouteMetric> metrics;
  bool has_split = false;
  bool has_mirrors = false;
  bool has_retry = false;
  bool has_subset = false;
  bool allows_connect = false;
  uint8_t shed_priority = 1;  // 0 low, 1 normal, 2 high.
  // Trace, access and authenticate; authorize and after. Never null. CompiledRoute owns them.
  const plugins::Chain* early = nullptr;
  const plugins::Chain* late = nullptr;
  // 0 is off.
  int64_t timeout_ns = 15'000'000'000;
  int64_t idle_timeout_ns = 300'000'000'000;
  int64_t total_timeout_ns = 0;

  // Fetches it ahead of time.
  void Fetch() const { Prefetch(this); }
};
static_assert(sizeof(RouteHead) == 64);

struct CompiledRoute : RouteHead {
  void SetChains(std::array<std::shared_ptr<const plugins::Chain>, 2> early_and_late) {
    chains = std::move(early_and_late);
    early = chains[0].get();
    late = chains[1].get();
  }

  std::string name;
  std::string upstream;
  std::shared_ptr<const upstream::RetryPolicy> retry;    // Null: as the upstream has it.
  std::shared_ptr<const upstream::SubsetChoice> subset;  // Null: any endpoint.
  std::vector<std::string> plugin_order;
  std::unique_ptr<RouteTraffic> traffic;  // Null without split and mirrors.
  // Protocols to which clients may change; in lower case.
  std::vector<std::string> upgrades;
  std::shared_ptr<const void> metrics_owner;  // Keeps the group while anybody counts on it.
  std::shared_ptr<const void> cluster_lease;  // Keeps cluster_slot.
  // What MatchResult points into.
  std::shared_ptr<const match::CompiledSpec> spec;
  std::array<std::shared_ptr<const plugins::Chain>, 2> chains;  // `early` and `late`.
};

// Global rules that apply to one listener.
struct GlobalChain : Pinned {
  std::shared_ptr<const plugins::Chain> chain;
};

// Where a listener logs its requests, and how.
struct AccessLog {
  observe::AccessLogFormat format;
  std::shared_ptr<const observe::LogFile> file;
};

// One listener in one generation.
struct ListenerRules {
  std::string name;
  match::Table routes;  // Of `const CompiledRoute*`.
  std::shared_ptr<const GlobalChain> global;
  match::EscapedSlashes escaped_slashes = match::EscapedSlashes::kReject;
  uint64_t max_body_bytes = UINT64_MAX;
  std::vector<net::IpRange> trusted_proxies;
  std::shared_ptr<const net::tls::ServerContext> tls;  // Null: plain.
  ForwardClientCert forward_client_cert;

  // Of `routes`, by a request's target as it came.
  match::Table::Ahead LookAhead(absl::string_view target) const {
    return routes.LookAhead("", target.substr(0, target.find('?')));
  }
};

}  // namespace sluice::exchange
