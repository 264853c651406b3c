// What the kernel says about this process, for the process_* metrics.
#pragma once

#include "proxy/observe/metric_registry.h"

namespace sluice::observe {

// Reads /proc: about 20 us. For the control thread, before it writes the metrics out.
void UpdateProcessStats(MetricRegistry& registry);

}  // namespace sluice::observe
