// What workers tell outlier detection, and the numbers of what follows.
//
// Thread: the one that `metrics` belong to.
#pragma once

#include <cstdint>

#include "proxy/observe/worker_metrics.h"
#include "proxy/upstream/settings.h"

namespace sluice::upstream {

// What became of an attempt at `endpoint`, of an upstream that may not want to know it.
void ReportOutcome(const Settings& settings, const Endpoint& endpoint, Outcome outcome,
                   int64_t now_ns, observe::WorkerMetrics& metrics);

// An endpoint has been ejected.
void CountEjection(const Settings& settings, Ejection why, observe::WorkerMetrics& metrics);

}  // namespace sluice::upstream
