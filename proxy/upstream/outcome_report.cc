#include "proxy/upstream/outcome_report.h"

#include <optional>

namespace sluice::upstream {

using observe::UpstreamMetric;

void ReportOutcome(const Settings& settings, const Endpoint& endpoint, Outcome outcome,
                   int64_t now_ns, observe::WorkerMetrics& metrics) {
  endpoint.health->SetDoubtful(outcome == Outcome::kNoResponse);
  if (settings.outlier == nullptr) return;
  const std::optional<Ejection> why =
      NoteOutcome(*settings.outlier, *settings.board, *endpoint.health, outcome, now_ns);
  if (why.has_value()) CountEjection(settings, *why, metrics);
}

void CountEjection(const Settings& settings, Ejection why, observe::WorkerMetrics& metrics) {
  metrics.Add(settings.metrics, UpstreamMetric::kEjections, why);
  metrics.Add(settings.metrics, UpstreamMetric::kEjectionsActive);
}

}  // namespace sluice::upstream
