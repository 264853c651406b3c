// Compiled configuration as a relay reads it: immutable, free of protobuf, built by runtime/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "api/match/table.h"
#include "proxy/exchange/config.h"
#include "proxy/observe/worker_metrics.h"

namespace sluice::stream {

// A StreamRoute.
struct CompiledStreamRoute : exchange::Pinned {
  uint32_t cluster_slot = exchange::kNoCluster;
  int64_t idle_timeout_ns = 3'600'000'000'000;  // 0 is off.
  observe::MetricGroup<observe::StreamRouteMetric> metrics;
  std::string name;
  std::string upstream;
  std::string subset;                         // Its key (upstream/subset.h); empty: any endpoint.
  std::shared_ptr<const void> metrics_owner;  // Keeps the group while anybody counts on it.
  std::shared_ptr<const void> cluster_lease;  // Keeps cluster_slot.
  std::shared_ptr<const match::CompiledSpec> spec;
};

// What a listener of one generation does with connections that are not HTTP.
struct Rules {
  match::Table routes;              // Of `const CompiledStreamRoute*`.
  bool reads_client_hello = false;  // tls_passthrough.
};

}  // namespace sluice::stream
