// An upstream as the data path sees it: settings and endpoints, immutable, shared by workers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/proxy_header.h"
#include "proxy/observe/worker_metrics.h"
#include "proxy/upstream/balancer/endpoint_table.h"
#include "proxy/upstream/balancer/warm_up.h"
#include "proxy/upstream/breaker.h"
#include "proxy/upstream/check_spec.h"
#include "proxy/upstream/endpoint_health.h"
#include "proxy/upstream/retry_policy.h"
#include "proxy/upstream/subset.h"

namespace sluice::upstream {

enum class Protocol : uint8_t { kHttp1, kHttp2 };

// What the consistent policies hash.
struct HashOn {
  enum class Kind : uint8_t { kNone, kHeader, kCookie, kQuery, kPath, kClientIp };
  Kind kind = Kind::kNone;
  std::string name;  // Of the header (lower case), cookie or query parameter.
};

enum class HostMode : uint8_t { kPreserve, kEndpoint, kLiteral };

// Of endpoints in the proxy's own zone.
struct ZonePreference {
  std::string own_zone;          // Empty: there is no preference.
  uint32_t least_endpoints = 6;  // Healthy ones of a priority, or zones do not count.
};
struct Tls;  // connect.h

struct Settings {
  std::string name;
  Policy policy = Policy::kRoundRobin;
  HashOn hash_on;
  Protocol protocol = Protocol::kHttp1;
  HostMode host_mode = HostMode::kPreserve;
  std::string host;                // Of kLiteral.
  std::shared_ptr<const Tls> tls;  // Null: plain.
  int64_t connect_timeout_ns = 5'000'000'000;
  int64_t idle_timeout_ns = 55'000'000'000;
  uint32_t max_idle = 128;
  uint32_t max_streams = 100;  // On one HTTP/2 connection.
  // With which each connection says for whom it is made.
  net::ProxyProtocol proxy_protocol = net::ProxyProtocol::kNone;
  BreakerLimits breaker_limits;
  // Never null; of an upstream, one for all generations.
  std::shared_ptr<Breaker> breaker = std::make_shared<Breaker>();
  // Never null; of an upstream, one for all generations.
  std::shared_ptr<HealthBoard> board = std::make_shared<HealthBoard>();
  double panic_threshold = 0.5;  // Of a priority's endpoints; with fewer well, health is no guide.
  bool fail_on_panic = false;
  SlowStart slow_start;
  ZonePreference zone_preference;
  std::shared_ptr<const SubsetRules> subsets;            // Null: none.
  std::shared_ptr<const RetryPolicy> retry;              // Null: only what can do no harm.
  std::shared_ptr<const OutlierPolicy> outlier;          // Null: none is ejected.
  std::shared_ptr<const std::vector<CheckSpec>> checks;  // Null: none.
  observe::MetricGroup<observe::UpstreamMetric> metrics;
  std::shared_ptr<const void> metrics_owner;  // Keeps the group while anybody counts on it.
};

struct Endpoint {
  net::Address address;
  std::string name;  // As configured: "orders.internal:8080".
  uint32_t weight = 1;
  uint32_t priority = 0;  // 0 is the highest.
  std::string zone;       // Empty: not known.
  Labels labels;
  // Never null; of an address of an upstream, one for all generations.
  std::shared_ptr<EndpointHealth> health = std::make_shared<EndpointHealth>();
  observe::MetricGroup<observe::EndpointMetric> metrics;
  std::shared_ptr<const void> metrics_owner;
};

// The endpoints of one moment: what the configuration says, what is registered, and what DNS makes
// of names. Built off the request path.
struct EndpointSet {
  // `is_unresolved`: names are configured, and none has an address yet. `rules` may be null.
  EndpointSet(Policy policy, std::vector<Endpoint> endpoints, bool is_unresolved = false,
              const SubsetRules* rules = nullptr);

  // Each by itself: a request that lasts for days holds its own, and not all of its time.
  const std::vector<std::shared_ptr<const Endpoint>> endpoints;
  // Indices as in `endpoints`.
  const std::shared_ptr<const EndpointTable> table;
  const SubsetIndex subsets;
  const bool is_unresolved;
};

}  // namespace sluice::upstream
