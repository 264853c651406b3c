// Every metric that a proxy exposes: names, labels, types and help, in one place.
//
// Names and labels are stable: dashboards and alerts hang on them. Add; never rename or reuse.
// docs/reference/metrics.md is generated from here, and a test keeps it so.
//
// A scope is what its metrics describe, and gives them their first labels. All metrics of one
// route, say, stand side by side in one block of cells, which a worker allocates when the route
// serves its first request there. Requests are counted by listener and by route apart, not by
// pairs of them: pairs would multiply, and adding a listener would touch every route.
//
// A new metric is an enumerator and a row at the same place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"
#include "proxy/observe/histogram.h"
#include "proxy/observe/response_flags.h"

namespace sluice::observe {

enum class Scope : uint8_t { kWorkers, kListener, kRoute, kStreamRoute, kUpstream, kEndpoint };
inline constexpr size_t kScopes = 6;

// The values of the label code_class.
enum class CodeClass : uint8_t { k1xx, k2xx, k3xx, k4xx, k5xx, kNone };
// kNone for 0: the exchange ended without a response.
inline CodeClass CodeClassOf(int status) {
  return status >= 100 && status < 600 ? static_cast<CodeClass>(status / 100 - 1)
                                       : CodeClass::kNone;
}

enum class ConnectFailure : uint8_t { kRefused, kTimeout, kOther, kTls };
enum class ConnectionRejection : uint8_t {
  kLimit,
  kOverload,
  kProxySource,
  kProxyHeader,
  kProxyTimeout,
};
enum class TlsHandshake : uint8_t { kFull, kResumed, kFailed };
// The errors of HTTP/2 that end connections, RFC 9113 section 7.
enum class Http2Error : uint8_t {
  kProtocol,
  kFlowControl,
  kStreamClosed,
  kFrameSize,
  kCompression,
  kEnhanceYourCalm,
  kOther,
};
enum class ResetStage : uint8_t { kBeforeResponse, kAfterResponse };
// The counts that Upstream.breakers limits.
enum class BreakerLimit : uint8_t { kConnections, kPending, kRequests, kRetries };
// What became of a copy of a request. kCut: it fell behind, or its request ended before its body.
enum class MirrorResult : uint8_t { kAnswered, kFailed, kCut, kDropped };
enum class DnsResult : uint8_t { kOk, kFailed };
enum class OverloadResource : uint8_t { kMemory, kDescriptors, kInjected };
// What a health check came to; what keeps an endpoint from being chosen.
enum class CheckResult : uint8_t { kPassed, kWrong, kNetwork, kTimeout };
enum class EndpointState : uint8_t { kFailedCheck, kUnchecked, kEjected, kDegraded };

// Counted by workers, whatever they work on.
enum class WorkersMetric : uint8_t { kLocalReplies, kBufferBytes, kConnectionsShed };

enum class ListenerMetric : uint8_t {
  kConnections,
  kConnectionsActive,
  kConnectionsRejected,  // By ConnectionRejection.
  kRequests,             // By CodeClass.
  kRequestsActive,
  kRequestDuration,
  kReceivedBytes,
  kSentBytes,
  kTlsHandshakes,  // By TlsHandshake.
  kHttp2Errors,    // By Http2Error.
};

// The counters fill one line of the cache, the histogram's sum and the buckets up to 10 ms the
// next.
enum class RouteMetric : uint8_t {
  kRequests,  // By CodeClass.
  kReceivedBytes,
  kSentBytes,
  kRequestDuration,
};

enum class StreamRouteMetric : uint8_t {
  kConnections,
  kConnectionsActive,
  kReceivedBytes,
  kSentBytes,
};

enum class UpstreamMetric : uint8_t {
  kRequests,  // By CodeClass.
  kRequestsActive,
  kResponseDuration,
  kConnections,
  kConnectionsActive,
  kConnectFailures,  // By ConnectFailure.
  kResets,           // By ResetStage.
  kTimeouts,
  kRetries,
  kSentBytes,
  kReceivedBytes,
  kPendingActive,
  kOverflows,      // By BreakerLimit.
  kMirrored,       // By MirrorResult.
  kTlsHandshakes,  // By TlsHandshake.
  kEjections,      // By upstream::Ejection.
  kEjectionsActive,
};

enum class EndpointMetric : uint8_t {
  kRequests,
  kRequestsActive,
  kFailures,
  kHealthChecks,  // By CheckResult.
  kState,         // By EndpointState.
};

// Set by the control thread: one number for the whole process.
enum class ProcessMetric : uint8_t {
  kBuildInfo,
  kReady,
  kDraining,
  kWorkers,
  kConfigGeneration,
  kConfigApplied,
  kConfigRejected,
  kConfigDegraded,
  kConfigApplyDuration,
  kControlPlaneConnected,
  kDnsResolutions,  // By DnsResult.
  kAccessLogLines,
  kAccessLogDropped,
  kAccessLogWriteErrors,
  kRateLimitEvictions,
  kCpuSeconds,
  kResidentMemory,
  kStartTime,
  kOverloadPressure,  // By OverloadResource.
  kOverloadActions,   // By what is done.
};

enum class MetricType : uint8_t { kCounter, kGauge, kHistogram };

struct MetricFamily {
  absl::string_view name;
  MetricType type = MetricType::kCounter;
  absl::string_view help;
  // The label beside those of the scope; empty if there is none. It has `values` values, whose
  // cells stand side by side.
  absl::string_view label = {};
  size_t values = 1;
  absl::string_view (*value)(size_t index) = nullptr;

  constexpr size_t cells() const {
    return type == MetricType::kHistogram ? kHistogramCells : values;
  }
};

struct ScopeInfo {
  std::span<const absl::string_view> labels;
  std::span<const MetricFamily> families;
  size_t cells;
  // Otherwise its series appear with the first request.
  bool shows_unused;
};
const ScopeInfo& InfoOf(Scope scope);

// Of the control thread, by ProcessMetric.
std::span<const MetricFamily> ProcessFamilies();

// Labels' values.
absl::string_view CodeClassName(size_t index);
absl::string_view ConnectFailureName(size_t index);
absl::string_view ConnectionRejectionName(size_t index);
absl::string_view TlsHandshakeName(size_t index);
absl::string_view Http2ErrorName(size_t index);
absl::string_view ResetStageName(size_t index);
absl::string_view BreakerLimitName(size_t index);
absl::string_view MirrorResultName(size_t index);
absl::string_view DnsResultName(size_t index);
absl::string_view OverloadResourceName(size_t index);
absl::string_view OverloadActionName(size_t index);
absl::string_view EjectionName(size_t index);
absl::string_view CheckResultName(size_t index);
absl::string_view EndpointStateName(size_t index);
absl::string_view VersionName(size_t index);
absl::string_view DetailsName(size_t index);

using enum MetricType;

inline constexpr MetricFamily kWorkersFamilies[] = {
    {"sluice_local_replies_total", kCounter,
     "Responses given by the proxy itself, and exchanges that it ended, by reason "
     "(docs/reference/errors.md; those of plugins together as \"plugin\").",
     "details", kReasons, DetailsName},
    {"sluice_buffer_bytes", kGauge,
     "Memory for heads and bodies under way, within a second; --buffer-memory is its bound."},
    {"sluice_connections_shed_total", kCounter,
     "Connections ended because --buffer-memory was spent and they held most of it."},
};

inline constexpr MetricFamily kListenerFamilies[] = {
    {"sluice_connections_total", kCounter, "Connections accepted."},
    {"sluice_connections_active", kGauge, "Connections open now."},
    {"sluice_connections_rejected_total", kCounter,
     "Connections closed at once, because limits.connections was reached (\"limit\"), the proxy "
     "had "
     "no memory or file descriptors left (\"overload\"), or of the PROXY protocol: the peer may "
     "not "
     "speak it (\"proxy_source\"), its header was missing or wrong (\"proxy_header\"), or late "
     "(\"proxy_timeout\").",
     "reason", 5, ConnectionRejectionName},
    {"sluice_requests_total", kCounter,
     "Requests that ended, by the class of their final status; \"none\" had no response.",
     "code_class", 6, CodeClassName},
    {"sluice_requests_active", kGauge, "Requests being served now."},
    {"sluice_request_duration_seconds", kHistogram,
     "From the first byte of a request to the last of its response."},
    {"sluice_received_bytes_total", kCounter,
     "Bytes of request bodies, or of what clients sent on connections that are not HTTP."},
    {"sluice_sent_bytes_total", kCounter,
     "Bytes of response bodies, or of what endpoints sent on connections that are not HTTP."},
    {"sluice_tls_handshakes_total", kCounter,
     "TLS handshakes that ended: in full, as the continuation of an earlier session, or not at "
     "all.",
     "result", 3, TlsHandshakeName},
    {"sluice_http2_errors_total", kCounter,
     "HTTP/2 connections that the proxy ended because of what their client sent, by the code of "
     "its "
     "GOAWAY; \"enhance_your_calm\" are floods, resets and the like.",
     "code", 7, Http2ErrorName},
};

inline constexpr MetricFamily kRouteFamilies[] = {
    {"sluice_route_requests_total", kCounter,
     "Requests of a route that ended, by the class of their final status.", "code_class", 6,
     CodeClassName},
    {"sluice_route_received_bytes_total", kCounter, "Bytes of request bodies."},
    {"sluice_route_sent_bytes_total", kCounter, "Bytes of response bodies."},
    {"sluice_route_request_duration_seconds", kHistogram,
     "From the first byte of a request to the last of its response."},
};

inline constexpr MetricFamily kStreamRouteFamilies[] = {
    {"sluice_stream_connections_total", kCounter, "Connections that a stream route has taken."},
    {"sluice_stream_connections_active", kGauge, "Of these, open now."},
    {"sluice_stream_received_bytes_total", kCounter, "Bytes that clients sent."},
    {"sluice_stream_sent_bytes_total", kCounter, "Bytes that endpoints sent."},
};

inline constexpr MetricFamily kUpstreamFamilies[] = {
    {"sluice_upstream_requests_total", kCounter,
     "Attempts that ended, by the class of the endpoint's status; \"none\" had no response. A "
     "retried request has several.",
     "code_class", 6, CodeClassName},
    {"sluice_upstream_requests_active", kGauge, "Attempts under way now."},
    {"sluice_upstream_response_duration_seconds", kHistogram,
     "From sending a request to the head of its response."},
    {"sluice_upstream_connections_total", kCounter, "Connections established."},
    {"sluice_upstream_connections_active", kGauge, "Connections open now, unused ones included."},
    {"sluice_upstream_connect_failures_total", kCounter, "Connections that did not come about.",
     "reason", 4, ConnectFailureName},
    {"sluice_upstream_resets_total", kCounter,
     "Attempts that the endpoint cut, before its response began or after.", "stage", 2,
     ResetStageName},
    {"sluice_upstream_timeouts_total", kCounter,
     "Attempts whose response did not begin within the route's timeout."},
    {"sluice_upstream_retries_total", kCounter, "Attempts beyond a request's first."},
    {"sluice_upstream_sent_bytes_total", kCounter,
     "Bytes written to endpoints, heads and framing included."},
    {"sluice_upstream_received_bytes_total", kCounter,
     "Bytes read from endpoints, heads and framing included."},
    {"sluice_upstream_pending_active", kGauge, "Attempts that wait for a connection now."},
    {"sluice_upstream_overflows_total", kCounter,
     "How often a limit of the upstream's breakers was met: \"connections\" made an attempt wait, "
     "\"pending\" and \"requests\" were answered 503 \"upstream_overflow\", \"retries\" (their "
     "limit or budget) passed a failure on.",
     "limit", 4, BreakerLimitName},
    {"sluice_upstream_mirrored_total", kCounter,
     "Copies of requests (Route.mirrors) that ended: \"answered\", \"failed\" (no connection, a "
     "reset or its timeout), \"cut\" (it fell behind, or the request ended before its body did), "
     "\"dropped\" (there was no endpoint, no room in the breakers or no memory).",
     "result", 4, MirrorResultName},
    {"sluice_upstream_tls_handshakes_total", kCounter,
     "TLS handshakes with endpoints that ended: in full, as the continuation of an earlier "
     "session, "
     "or not at all.",
     "result", 3, TlsHandshakeName},
    {"sluice_upstream_ejections_total", kCounter,
     "Endpoints taken out by outlier detection, by what gave the reason.", "cause", 5,
     EjectionName},
    {"sluice_upstream_ejections_active", kGauge, "Endpoints that are out by it now."},
};

inline constexpr MetricFamily kEndpointFamilies[] = {
    {"sluice_upstream_endpoint_requests_total", kCounter, "Attempts sent to an endpoint."},
    {"sluice_upstream_endpoint_requests_active", kGauge, "Attempts under way now."},
    {"sluice_upstream_endpoint_failures_total", kCounter,
     "Attempts that failed to connect, were cut before a response or timed out."},
    {"sluice_upstream_endpoint_health_checks_total", kCounter,
     "Health checks that ended: passed, with a wrong answer, without one because of the network, "
     "or not in time.",
     "result", 4, CheckResultName},
    {"sluice_upstream_endpoint_state", kGauge,
     "1 for what keeps an endpoint from being chosen while others are well: its health checks "
     "failed or have not ended yet, it is ejected, or (degraded) it said that it is not well. Of a "
     "DNS name, how many of its addresses.",
     "state", 4, EndpointStateName},
};

namespace internal {

template <typename Metric>
struct ScopeOf;
template <>
struct ScopeOf<WorkersMetric> {
  static constexpr Scope kScope = Scope::kWorkers;
  static constexpr std::span<const MetricFamily> kFamilies = kWorkersFamilies;
};
template <>
struct ScopeOf<ListenerMetric> {
  static constexpr Scope kScope = Scope::kListener;
  static constexpr std::span<const MetricFamily> kFamilies = kListenerFamilies;
};
template <>
struct ScopeOf<RouteMetric> {
  static constexpr Scope kScope = Scope::kRoute;
  static constexpr std::span<const MetricFamily> kFamilies = kRouteFamilies;
};
template <>
struct ScopeOf<StreamRouteMetric> {
  static constexpr Scope kScope = Scope::kStreamRoute;
  static constexpr std::span<const MetricFamily> kFamilies = kStreamRouteFamilies;
};
template <>
struct ScopeOf<UpstreamMetric> {
  static constexpr Scope kScope = Scope::kUpstream;
  static constexpr std::span<const MetricFamily> kFamilies = kUpstreamFamilies;
};
template <>
struct ScopeOf<EndpointMetric> {
  static constexpr Scope kScope = Scope::kEndpoint;
  static constexpr std::span<const MetricFamily> kFamilies = kEndpointFamilies;
};

}  // namespace internal

template <typename Metric>
inline constexpr Scope kScopeOf = internal::ScopeOf<Metric>::kScope;

template <typename Metric>
inline constexpr auto kFamiliesOf = internal::ScopeOf<Metric>::kFamilies;

// Where each metric's cells begin within its scope's block; last, the size of the block.
template <typename Metric>
inline constexpr auto kFirstCells = [] {
  std::array<uint16_t, kFamiliesOf<Metric>.size() + 1> first{};
  for (size_t i = 0; i < kFamiliesOf<Metric>.size(); ++i) {
    first[i + 1] = static_cast<uint16_t>(first[i] + kFamiliesOf<Metric>[i].cells());
  }
  return first;
}();

}  // namespace sluice::observe
