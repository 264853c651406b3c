// Numbers of the whole proxy for its reports to the control plane.
#pragma once

#include <array>

#include "proxy/observe/histogram.h"
#include "proxy/observe/metric_registry.h"
#include "proxy/sync/messages.h"

namespace sluice::main {

// Thread: the control thread.
class FigureCollector {
 public:
  explicit FigureCollector(observe::MetricRegistry& metrics) : metrics_(metrics) {}

  // Counts since the process started; latencies since the last call, to the bound of the bucket
  // that holds them.
  sync::Figures Collect();

 private:
  using Buckets = std::array<uint64_t, observe::kDurationBuckets>;

  static double Quantile(const Buckets& buckets, double quantile);

  observe::MetricRegistry& metrics_;
  Buckets before_{};
};

}  // namespace sluice::main
