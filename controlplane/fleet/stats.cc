#include "controlplane/fleet/stats.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::fleet {
namespace {

void AppendHead(absl::string_view name, absl::string_view type, absl::string_view help,
                std::string* out) {
  absl::StrAppend(out, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

struct Counter {
  const char* name;
  const char* labels;
  const char* help;
  uint64_t Stats::*value;
};

// Series of one name stand together.
constexpr Counter kCounters[] = {
    {"sluice_fleet_connects_total", "", "Streams of proxies that were accepted.", &Stats::connects},
    {"sluice_fleet_disconnects_total", "", "Streams of proxies that ended.", &Stats::disconnects},
    {"sluice_fleet_refused_total", "{reason=\"duplicate\"}", "Streams that were refused.",
     &Stats::refused_duplicates},
    {"sluice_fleet_refused_total", "{reason=\"overload\"}", "", &Stats::refused_overload},
    {"sluice_fleet_refused_total", "{reason=\"invalid\"}", "", &Stats::refused_invalid},
    {"sluice_fleet_updates_total", "{kind=\"full\"}", "Updates that were sent.",
     &Stats::full_updates},
    {"sluice_fleet_updates_total", "{kind=\"delta\"}", "", &Stats::delta_updates},
    {"sluice_fleet_update_bytes_total", "", "Bytes of the updates that were sent.",
     &Stats::update_bytes},
    {"sluice_fleet_statuses_total", "{phase=\"active\"}", "What became of updates.",
     &Stats::active},
    {"sluice_fleet_statuses_total", "{phase=\"degraded\"}", "", &Stats::degraded},
    {"sluice_fleet_statuses_total", "{phase=\"rejected\"}", "", &Stats::rejected},
    {"sluice_fleet_slow_total", "", "Updates that were not answered in time.", &Stats::slow},
    {"sluice_fleet_resyncs_total", "", "Full updates that proxies asked for.", &Stats::resyncs},
    {"sluice_fleet_epoch_raises_total", "", "Times that a restored store was noticed.",
     &Stats::epoch_raises},
};

void AppendGauge(absl::string_view name, absl::string_view help, uint64_t value, std::string* out) {
  AppendHead(name, "gauge", help, out);
  absl::StrAppend(out, name, " ", value, "\n");
}

}  // namespace

void Histogram::Add(absl::Duration duration) {
  const double seconds = std::max(absl::ToDoubleSeconds(duration), 0.0);
  const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++counts_[static_cast<size_t>(bucket - kBounds.begin())];
  sum_ += seconds;
}

void Histogram::AppendTo(const char* name, const char* help, std::string* out) const {
  AppendHead(name, "histogram", help, out);
  uint64_t count = 0;
  for (size_t i = 0; i < kBounds.size(); ++i) {
    count += counts_[i];
    absl::StrAppend(out, name, "_bucket{le=\"", kBounds[i], "\"} ", count, "\n");
  }
  count += counts_.back();
  absl::StrAppend(out, name, "_bucket{le=\"+Inf\"} ", count, "\n");
  absl::StrAppend(out, name, "_sum ", sum_, "\n", name, "_count ", count, "\n");
}

void AppendMetrics(const Stats& stats, const Gauges& gauges, std::string* out) {
  AppendGauge("sluice_generation", "Number of the newest commit.", gauges.generation, out);
  AppendGauge("sluice_epoch", "Of the store.", gauges.epoch, out);
  AppendGauge("sluice_fleet_views", "Distinct sets of groups.", gauges.views, out);
  AppendGauge("sluice_fleet_backlog", "Messages that wait for the fleet's thread.", gauges.backlog,
              out);
  AppendHead("sluice_fleet_proxies", "gauge", "Proxies that are listed.", out);
  for (int state = v1::ProxyStatus::ACTIVE; state <= v1::ProxyStatus::State_MAX; ++state) {
    const std::string& name =
        v1::ProxyStatus::State_Name(static_cast<v1::ProxyStatus::State>(state));
    absl::StrAppend(out, "sluice_fleet_proxies{state=\"", absl::AsciiStrToLower(name), "\"} ",
                    gauges.proxies_by_state[static_cast<size_t>(state)], "\n");
  }
  absl::string_view last_name;
  for (const Counter& counter : kCounters) {
    if (last_name != counter.name) AppendHead(counter.name, "counter", counter.help, out);
    last_name = counter.name;
    absl::StrAppend(out, counter.name, counter.labels, " ", stats.*counter.value, "\n");
  }
  stats.commit_to_active.AppendTo("sluice_fleet_commit_to_active_seconds",
                                  "From a commit to its being served, for each proxy.", out);
}

}  // namespace sluice::fleet
