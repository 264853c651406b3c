// All metrics as Prometheus reads them (text format 0.0.4), in pieces.
//
//   PrometheusText text(registry);
//   for (bool more = true; more;) {
//     std::string piece;
//     more = text.Next(&piece);
//     ...                          // Send it before the next: 100,000 routes are 300 MB of text.
//   }
//
// Groups that come or go between two pieces may or may not be in it; each histogram is consistent.
//
// Thread: the control thread. Lifetime: the registry outlives it.
#pragma once

#include <optional>
#include <string>

#include "proxy/observe/metric_registry.h"

namespace sluice::observe {

class PrometheusText {
 public:
  static constexpr absl::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  explicit PrometheusText(const MetricRegistry& registry) : registry_(registry) {}

  // Appends whole lines, about 64 KiB of them; fewer or none where it passes over routes that were
  // never used, so that a call stays below a millisecond. False if that was the last.
  bool Next(std::string* out);

 private:
  void AppendProcess(std::string* out) const;
  bool Step(std::string* out);

  const MetricRegistry& registry_;
  bool has_process_ = false;
  bool has_head_ = false;  // Of the present family.
  // The next series is the one after `key_` of this family.
  size_t scope_ = 0;
  size_t family_ = 0;
  size_t first_cell_ = 0;
  std::optional<std::string> key_;
  MetricRegistry::Sample sample_;
};

}  // namespace sluice::observe
