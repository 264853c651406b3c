#include "proxy/observe/metric_table.h"

#include "base/version.h"

namespace sluice::observe {

namespace {

constexpr absl::string_view kListenerLabels[] = {"listener"};
constexpr absl::string_view kRouteLabels[] = {"route"};
constexpr absl::string_view kStreamRouteLabels[] = {"stream_route"};
constexpr absl::string_view kUpstreamLabels[] = {"upstream"};
constexpr absl::string_view kEndpointLabels[] = {"upstream", "endpoint"};

template <typename Metric>
constexpr ScopeInfo Describe(std::span<const absl::string_view> labels, bool shows_unused) {
  return {labels, kFamiliesOf<Metric>, kFirstCells<Metric>.back(), shows_unused};
}

// Upstreams without requests are shown: an operator wants to see that nothing arrives. Routes and
// endpoints come by the hundred thousand and appear when they are used.
constexpr ScopeInfo kScopeInfos[kScopes] = {
    Describe<WorkersMetric>({}, true),
    Describe<ListenerMetric>(kListenerLabels, true),
    Describe<RouteMetric>(kRouteLabels, false),
    Describe<StreamRouteMetric>(kStreamRouteLabels, false),
    Describe<UpstreamMetric>(kUpstreamLabels, true),
    Describe<EndpointMetric>(kEndpointLabels, false),
};

constexpr MetricFamily kProcessFamilies[] = {
    {"sluice_build_info", kGauge, "Always 1; the version is its label.", "version", 1, VersionName},
    {"sluice_ready", kGauge, "1 while /ready answers 200."},
    {"sluice_draining", kGauge, "1 while the proxy finishes its requests before it exits."},
    {"sluice_workers", kGauge, "Worker threads."},
    {"sluice_config_generation", kGauge, "Number of the active generation; 0 before the first."},
    {"sluice_config_applied_total", kCounter, "Generations that became active."},
    {"sluice_config_rejected_total", kCounter, "Generations that could not be applied."},
    {"sluice_config_degraded", kGauge,
     "1 while something of the active generation is not served, such as a listener whose port is "
     "taken."},
    {"sluice_config_apply_duration_seconds", kGauge,
     "From receiving the active generation to serving it."},
    {"sluice_control_plane_connected", kGauge, "1 while the stream to the control plane is up."},
    {"sluice_dns_resolutions_total", kCounter, "Names resolved for upstreams.", "result", 2,
     DnsResultName},
    {"sluice_access_log_lines_total", kCounter, "Lines written to access logs."},
    {"sluice_access_log_dropped_total", kCounter,
     "Lines lost because a file could not be written fast enough, or at all."},
    {"sluice_access_log_write_errors_total", kCounter,
     "Attempts to open or write an access log that failed."},
    {"sluice_rate_limit_evictions_total", kCounter,
     "Keys of rate limits that made room for others while their window was under way: their "
     "budgets "
     "began anew."},
    {"process_cpu_seconds_total", kCounter, "User and system time of the process."},
    {"process_resident_memory_bytes", kGauge, "Resident memory."},
    {"process_start_time_seconds", kGauge, "Start of the process, in seconds since 1970."},
    {"sluice_overload_pressure_ratio", kGauge,
     "How much is used of what the proxy may run out of; \"injected\" is what an operator says.",
     "resource", 3, OverloadResourceName},
    {"sluice_overload_action_active", kGauge,
     "1 while it is done for want of memory or descriptors (docs/guide/overload.md).", "action", 6,
     OverloadActionName},
};
static_assert(std::size(kProcessFamilies) ==
              static_cast<size_t>(ProcessMetric::kOverloadActions) + 1);

template <size_t n>
absl::string_view NameAt(const absl::string_view (&names)[n], size_t index) {
  return names[index];
}

}  // namespace

// The last enumerator has a row: with a row missing at the end, its cells would lie outside.
static_assert(kFamiliesOf<WorkersMetric>.size() ==
              static_cast<size_t>(WorkersMetric::kConnectionsShed) + 1);
static_assert(kFamiliesOf<ListenerMetric>.size() ==
              static_cast<size_t>(ListenerMetric::kHttp2Errors) + 1);
static_assert(kFamiliesOf<RouteMetric>.size() ==
              static_cast<size_t>(RouteMetric::kRequestDuration) + 1);
static_assert(kFamiliesOf<StreamRouteMetric>.size() ==
              static_cast<size_t>(StreamRouteMetric::kSentBytes) + 1);
static_assert(kFamiliesOf<UpstreamMetric>.size() ==
              static_cast<size_t>(UpstreamMetric::kEjectionsActive) + 1);
static_assert(kFamiliesOf<EndpointMetric>.size() ==
              static_cast<size_t>(EndpointMetric::kState) + 1);

const ScopeInfo& InfoOf(Scope scope) { return kScopeInfos[static_cast<size_t>(scope)]; }

std::span<const MetricFamily> ProcessFamilies() { return kProcessFamilies; }

absl::string_view CodeClassName(size_t index) {
  return NameAt({"1xx", "2xx", "3xx", "4xx", "5xx", "none"}, index);
}
absl::string_view ConnectFailureName(size_t index) {
  return NameAt({"refused", "timeout", "other", "tls"}, index);
}
absl::string_view ConnectionRejectionName(size_t index) {
  return NameAt({"limit", "overload", "proxy_source", "proxy_header", "proxy_timeout"}, index);
}
absl::string_view TlsHandshakeName(size_t index) {
  return NameAt({"full", "resumed", "failed"}, index);
}
absl::string_view Http2ErrorName(size_t index) {
  return NameAt({"protocol_error", "flow_control_error", "stream_closed", "frame_size_error",
                 "compression_error", "enhance_your_calm", "other"},
                index);
}
absl::string_view ResetStageName(size_t index) {
  return NameAt({"before_response", "after_response"}, index);
}
absl::string_view BreakerLimitName(size_t index) {
  return NameAt({"connections", "pending", "requests", "retries"}, index);
}
absl::string_view MirrorResultName(size_t index) {
  return NameAt({"answered", "failed", "cut", "dropped"}, index);
}
absl::string_view DnsResultName(size_t index) { return NameAt({"ok", "failed"}, index); }
absl::string_view OverloadResourceName(size_t index) {
  return NameAt({"memory", "descriptors", "injected"}, index);
}
absl::string_view OverloadActionName(size_t index) {
  return NameAt(
      {"shrink", "end_keep_alive", "shed_low", "shed_normal", "stop_accepting", "shed_all"}, index);
}
absl::string_view EjectionName(size_t index) {
  return NameAt({"consecutive_5xx", "consecutive_gateway_failures",
                 "consecutive_local_origin_failures", "success_rate", "failure_percentage"},
                index);
}
absl::string_view CheckResultName(size_t index) {
  return NameAt({"passed", "wrong", "network", "timeout"}, index);
}
absl::string_view EndpointStateName(size_t index) {
  return NameAt({"failed_check", "unchecked", "ejected", "degraded"}, index);
}
absl::string_view VersionName(size_t) { return kVersion; }
absl::string_view DetailsName(size_t index) {
  // The first reason is "via_upstream", no local reply.
  return index + 1 < kReasons ? absl::string_view(AllReasons()[index + 1].details) : "plugin";
}

}  // namespace sluice::observe
