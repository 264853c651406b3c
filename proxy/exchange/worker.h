// What the exchanges of one worker share.
//
// Thread: the worker's. Lifetime: outlives its exchanges.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/exchange/config.h"
#include "proxy/exchange/mirror_list.h"
#include "proxy/exchange/overlay_cache.h"
#include "proxy/exchange/pin_table.h"
#include "proxy/net/connection.h"
#include "proxy/observe/worker_metrics.h"
#include "proxy/upstream/balancer/fast_random.h"
#include "proxy/upstream/cluster.h"

namespace sluice::exchange {

// One configured listener of a worker, over all generations in which it exists.
struct ListenerState {
  std::string name;
  // Of the present generation; null once the listener is gone from it.
  const ListenerRules* rules = nullptr;
  const AccessLog* access_log = nullptr;  // Null: none.
  observe::MetricGroup<observe::ListenerMetric> metrics;
};

struct Worker {
  Worker(net::IoContext& io, observe::WorkerMetrics& metrics, observe::LogWriter& log,
         uint64_t seed)
      : io(io), metrics(metrics), log(log), random(seed) {}

  net::IoContext& io;
  observe::WorkerMetrics& metrics;
  observe::LogWriter& log;
  observe::MetricGroup<observe::WorkersMetric> workers_group;
  upstream::FastRandom random;
  PinTable pins;
  OverlayCache overlays;
  // By CompiledRoute::cluster_slot.
  std::vector<upstream::ClusterRef> clusters;
  // Of the present generation.
  std::shared_ptr<const plugins::ConsumerTable> consumers;
  uint64_t generation = 0;
  // Of the process, for logs.
  std::string node;
  std::string hostname;
  uint32_t active_exchanges = 0;
  // For want of memory, requests of routes with a lower shed_priority are answered 503.
  uint8_t shed_below = 0;
  MirrorList mirrors;  // Within the clusters' life.

  // "Sun, 06 Nov 1994 08:49:37 GMT" of this second.
  absl::string_view HttpDate();
  // Wall time of a moment of the loop's clock.
  int64_t UnixNanos(int64_t loop_ns);

 private:
  void UpdateDate();

  int64_t date_at_ns_ = INT64_MIN;
  int64_t unix_seconds_ = 0;
  int64_t unix_offset_ns_ = 0;  // From the loop's clock to wall time.
  char date_[32];
  size_t date_size_ = 0;
};

}  // namespace sluice::exchange
