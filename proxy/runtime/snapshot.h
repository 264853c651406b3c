// What the build thread hands to the workers: one generation, and the steps of the clusters to it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/exchange/config.h"
#include "proxy/http/server_settings.h"
#include "proxy/net/tls/server_context.h"
#include "proxy/observe/metric_registry.h"
#include "proxy/runtime/connection_count.h"
#include "proxy/stream/config.h"
#include "proxy/upstream/settings.h"

namespace sluice::runtime {

// Who may send the PROXY protocol's header, and whether it must be there.
struct AcceptedProxyHeaders {
  bool is_optional = false;
  std::vector<net::IpRange> sources;
};

// A listener of a generation. Immutable.
struct ListenerSpec {
  std::string name;
  net::Address address;
  http::ServerSettings http;
  uint32_t max_connections = UINT32_MAX;
  std::shared_ptr<ConnectionCount> connections;        // Of all generations.
  std::shared_ptr<const net::tls::ServerContext> tls;  // Null: plain.
  int64_t tls_handshake_timeout_ns = 10'000'000'000;
  std::shared_ptr<const AcceptedProxyHeaders> proxy_headers;  // Null: not spoken.
  std::shared_ptr<const exchange::ListenerRules> rules;
  std::shared_ptr<const stream::Rules> stream;            // Null: it speaks HTTP.
  std::shared_ptr<const exchange::AccessLog> access_log;  // Null: none.
  observe::MetricGroup<observe::ListenerMetric> metrics;
  std::shared_ptr<const void> metrics_owner;  // Keeps the group while anybody counts on it.
};

// A cluster that was added or changed (settings set) or removed (settings null).
struct ClusterStep {
  uint32_t slot = 0;
  std::shared_ptr<const upstream::Settings> settings;
  std::shared_ptr<const upstream::EndpointSet> endpoints;
};

// A whole generation but for the clusters, which are told as steps from the one before.
struct Snapshot {
  uint64_t generation = 0;
  std::vector<std::shared_ptr<const ListenerSpec>> listeners;
  std::shared_ptr<const plugins::ConsumerTable> consumers;
};

}  // namespace sluice::runtime
