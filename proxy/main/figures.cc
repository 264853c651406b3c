#include "proxy/main/figures.h"

#include <cmath>

#include "proxy/observe/process_stats.h"

namespace sluice::main {

using observe::CodeClass;
using observe::ListenerMetric;

sync::Figures FigureCollector::Collect() {
  const auto cell = [](ListenerMetric metric) {
    return observe::kFirstCells<ListenerMetric>[static_cast<size_t>(metric)];
  };
  sync::Figures figures;
  Buckets now{};
  std::optional<std::string> key;
  observe::MetricRegistry::Sample sample;
  while (metrics_.Next(observe::Scope::kListener, &key, &sample)) {
    const size_t requests = cell(ListenerMetric::kRequests);
    for (size_t i = 0; i <= static_cast<size_t>(CodeClass::kNone); ++i) {
      figures.requests += sample.cells[requests + i];
    }
    figures.errors += sample.cells[requests + static_cast<size_t>(CodeClass::k5xx)];
    figures.connections += sample.cells[cell(ListenerMetric::kConnectionsActive)];
    for (size_t i = 0; i < now.size(); ++i) {
      now[i] +=
          sample.cells[cell(ListenerMetric::kRequestDuration) + observe::kHistogramBuckets + i];
    }
  }
  Buckets since{};
  for (size_t i = 0; i < now.size(); ++i) {
    // A listener that was removed takes its counts with it.
    since[i] = now[i] >= before_[i] ? now[i] - before_[i] : 0;
  }
  before_ = now;
  figures.latency_p50 = Quantile(since, 0.50);
  figures.latency_p99 = Quantile(since, 0.99);
  observe::UpdateProcessStats(metrics_);
  figures.memory_bytes =
      static_cast<uint64_t>(metrics_.Get(observe::ProcessMetric::kResidentMemory));
  return figures;
}

double FigureCollector::Quantile(const Buckets& buckets, double quantile) {
  uint64_t total = 0;
  for (const uint64_t count : buckets) total += count;
  if (total == 0) return 0;
  const auto rank = static_cast<uint64_t>(std::ceil(quantile * static_cast<double>(total)));
  uint64_t seen = 0;
  for (size_t i = 0; i < observe::kDurationBoundsNs.size(); ++i) {
    seen += buckets[i];
    if (seen >= rank) return static_cast<double>(observe::kDurationBoundsNs[i]) / 1e9;
  }
  return static_cast<double>(observe::kDurationBoundsNs.back()) / 1e9;
}

}  // namespace sluice::main
