#include "proxy/observe/response_flags.h"

#include <array>

#include "absl/container/flat_hash_map.h"
#include "base/append.h"

namespace sluice::observe {

namespace {

using F = ResponseFlag;

constexpr std::array<FlagInfo, kResponseFlags> kFlags = {{
    {F::kNoRoute, "NR", "No route matches the request."},
    {F::kNoHealthyUpstream, "UH", "The upstream has no endpoint that could serve."},
    {F::kUpstreamConnectFailed, "UF", "No connection to an endpoint came about."},
    {F::kUpstreamTerminated, "UC", "The endpoint closed or reset the connection or the stream."},
    {F::kUpstreamProtocolError, "UPE", "The endpoint's response broke the protocol or a limit."},
    {F::kUpstreamTimeout, "UT", "The endpoint's response did not begin in time."},
    {F::kDnsFailure, "DF", "The endpoint's name has no address yet."},
    {F::kTotalTimeout, "DT", "The route's total_timeout passed."},
    {F::kIdleTimeout, "SI", "A body stood still for the route's idle_timeout."},
    {F::kClientTimeout, "CT", "The client was too slow to send its request."},
    {F::kClientProtocolError, "DPE", "The client's request broke the protocol or a limit."},
    {F::kClientDisconnected, "DC", "The client went away before its response was complete."},
    {F::kRateLimited, "RL", "A rate limit refused the request."},
    {F::kOverload, "OM", "The proxy shed the request to protect itself."},
    {F::kLocalReset, "LR", "The proxy ended the exchange: it is shutting down."},
    {F::kUpstreamOverflow, "UO", "A limit of the upstream's `breakers` refused the request."},
    {F::kRetriesExhausted, "URX", "All attempts that `retry` allows have failed."},
}};

// Status 0: there is no response, or it had begun already.
constexpr auto kTable = std::to_array<Reason>({
    // Routing and choice of an endpoint.
    {"via_upstream", 0, {}, "", "The response is the upstream's own, whatever its status."},
    {"no_route", 404, F::kNoRoute, "destination_not_found", "No route matches the request."},
    {"method_not_allowed", 405, F::kNoRoute, "http_request_denied",
     "Routes match but for the method; Allow lists those that would."},
    {"no_endpoints", 503, F::kNoHealthyUpstream, "destination_unavailable",
     "The upstream has no endpoints, or none with a weight."},
    {"no_healthy_upstream", 503, F::kNoHealthyUpstream, "destination_unavailable",
     "The upstream has endpoints, but none of them may be used."},
    {"upstream_dns_failure", 503, F::kDnsFailure, "dns_error",
     "None of the upstream's names could be resolved yet."},

    {"upstream_overflow", 503, F::kUpstreamOverflow, "connection_limit_reached",
     "As much is under way to the upstream as its `breakers` allow. Nothing was sent."},

    // The upstream.
    {"upstream_connect_refused", 503, F::kUpstreamConnectFailed, "connection_refused",
     "The endpoint refused the connection or is unreachable. Nothing was sent."},
    {"upstream_connect_timeout", 504, F::kUpstreamConnectFailed, "connection_timeout",
     "No connection within the upstream's connect_timeout. Nothing was sent."},
    {"upstream_tls_handshake_failed", 503, F::kUpstreamConnectFailed, "tls_protocol_error",
     "The endpoint does not speak TLS as the upstream asks for it, or did not accept our "
     "certificate. It has seen nothing of the request."},
    {"upstream_certificate_invalid", 503, F::kUpstreamConnectFailed, "tls_certificate_error",
     "The endpoint's certificate is of no authority that the upstream's `tls` trusts, of another "
     "name, or expired. Nothing was sent."},
    {"upstream_protocol_not_negotiated", 503, F::kUpstreamConnectFailed, "tls_protocol_error",
     "The upstream's protocol is http2, and the endpoint does not agree on it (ALPN). Nothing was "
     "sent."},
    {"upstream_reset_before_response", 502, F::kUpstreamTerminated, "connection_terminated",
     "The endpoint closed or reset before it answered, and the request could not be repeated "
     "safely."},
    {"upstream_reset_after_response", 0, F::kUpstreamTerminated, "http_response_incomplete",
     "The endpoint closed or reset in the middle of its response; the client's is cut, too."},
    {"upstream_protocol_error", 502, F::kUpstreamProtocolError, "http_protocol_error",
     "The endpoint's response is not valid HTTP."},
    {"upstream_headers_too_large", 502, F::kUpstreamProtocolError,
     "http_response_header_section_size",
     "The head of the endpoint's response, or its trailers, are above 60 KiB or 200 fields. A "
     "response that had begun is cut."},
    {"response_body_too_large", 502, F::kUpstreamProtocolError, "http_response_body_size",
     "A plugin needs the whole response body, and it is longer than the plugin takes."},
    {"response_timeout", 504, F::kUpstreamTimeout, "http_response_timeout",
     "The response did not begin within the route's timeout."},
    {"per_try_timeout", 504, F::kUpstreamTimeout, "http_response_timeout",
     "The last attempt's response did not begin within the per_try_timeout of `retry`."},
    {"total_timeout", 504, F::kTotalTimeout, "http_response_timeout",
     "The exchange did not end within the route's total_timeout. The response is cut if it had "
     "begun."},
    {"grpc_deadline_exceeded", 504, F::kTotalTimeout, "http_response_timeout",
     "The time that a gRPC client gave with grpc-timeout is over. The response is cut if it had "
     "begun."},
    {"body_idle_timeout", 504, F::kIdleTimeout, "http_response_timeout",
     "A body stood still for the route's idle_timeout, and the upstream was to blame. The response "
     "is cut if it had begun."},

    // The client's pace and the size of what it sends.
    {"request_body_idle_timeout", 408, F::kIdleTimeout, "http_request_error",
     "The request body stood still for the route's idle_timeout."},
    {"request_header_timeout", 408, F::kClientTimeout, "http_request_error",
     "The request's headers were not complete within the listener's timeouts.header."},
    {"request_body_timeout", 408, F::kClientTimeout, "http_request_error",
     "The request body came slower than the listener's timeouts.min_body_rate."},
    {"uri_too_long", 414, F::kClientProtocolError, "http_request_error",
     "The request line alone is above the listener's limits.header_bytes."},
    {"headers_too_large", 431, F::kClientProtocolError, "http_request_error",
     "The request's head is above the listener's limits.header_bytes."},
    {"too_many_headers", 431, F::kClientProtocolError, "http_request_error",
     "The request has more headers or trailers than the listener's limits.headers."},
    {"request_body_too_large", 413, F::kClientProtocolError, "http_request_error",
     "The request body is above the listener's limits.body_bytes, or longer than a plugin takes."},

    // Requests that are not valid, or could be understood in two ways. The connection is closed.
    {"bad_request_line", 400, F::kClientProtocolError, "http_request_error",
     "The first line is not METHOD SP TARGET SP HTTP/1.x."},
    {"unknown_method", 501, F::kClientProtocolError, "http_request_error",
     "The method is longer than any method is."},
    {"method_not_supported", 405, F::kClientProtocolError, "http_request_denied",
     "TRACE, or CONNECT where no route allows it or its upstream speaks HTTP/2."},
    {"unsupported_version", 505, F::kClientProtocolError, "http_request_error",
     "The version of HTTP is neither 1.0 nor 1.1."},
    {"bad_request_target", 400, F::kClientProtocolError, "http_request_error",
     "The request target is no path, URL or asterisk, or has characters that are not allowed."},
    {"bad_path", 400, F::kClientProtocolError, "http_request_error",
     "The path leads above the root, or has a bad percent-encoding."},
    {"escaped_slash", 400, F::kClientProtocolError, "http_request_error",
     "The path has an encoded slash or backslash, which the listener rejects."},
    {"upgrade_not_allowed", 403, F::kClientProtocolError, "http_request_denied",
     "An extended CONNECT (RFC 8441) for a protocol that the route does not list in upgrades."},
    {"malformed_request", 400, F::kClientProtocolError, "http_request_error",
     "A head or body that breaks the rules of HTTP/2 (RFC 9113 section 8.1.1). The client sees its "
     "stream reset."},
    {"bad_host", 400, F::kClientProtocolError, "http_request_error",
     "No Host in an HTTP/1.1 request, several, or one that is no host name or address."},
    {"bad_line_end", 400, F::kClientProtocolError, "http_request_error",
     "A line that does not end in CR LF."},
    {"bad_header_name", 400, F::kClientProtocolError, "http_request_error",
     "A header name that is empty, has characters that are not allowed, or space around it."},
    {"bad_header_value", 400, F::kClientProtocolError, "http_request_error",
     "A header value with control characters, or folded over two lines."},
    {"header_underscore", 400, F::kClientProtocolError, "http_request_error",
     "A header name with an underscore, which the listener rejects."},
    {"bad_connection_header", 400, F::kClientProtocolError, "http_request_error",
     "Connection names a header that frames or secures the message."},
    {"bad_content_length", 400, F::kClientProtocolError, "http_request_error",
     "Content-Length is no plain number, or stands several times."},
    {"bad_transfer_encoding", 400, F::kClientProtocolError, "http_request_error",
     "Transfer-Encoding does not end in one chunked, or stands in an HTTP/1.0 request."},
    {"unsupported_transfer_encoding", 501, F::kClientProtocolError, "http_request_error",
     "A transfer coding other than chunked."},
    {"conflicting_framing", 400, F::kClientProtocolError, "http_request_error",
     "Both Content-Length and Transfer-Encoding."},
    {"unexpected_body", 400, F::kClientProtocolError, "http_request_error",
     "A body in a request whose method has none, such as TRACE."},
    {"bad_chunk", 400, F::kClientProtocolError, "http_request_error",
     "A chunk's size, extension or end is not valid."},
    {"bad_trailers", 400, F::kClientProtocolError, "http_request_error",
     "A trailer that frames, routes or authenticates the message."},
    {"misdirected_request", 421, F::kClientProtocolError, "http_request_error",
     "The connection was opened under another name, of which other client certificates are asked; "
     "the client should open one for this name."},
    {"unsupported_expectation", 417, F::kClientProtocolError, "http_request_error",
     "Expect asks for something other than 100-continue."},

    // Connections of tcp and tls_passthrough listeners, which have no status.
    {"connection_ended", 0, {}, "", "Both sides have ended the connection in order."},
    {"upstream_disconnected", 0, F::kUpstreamTerminated, "",
     "The endpoint cut the connection; the client's is cut, too."},
    {"stream_idle_timeout", 0, F::kIdleTimeout, "",
     "Nothing passed in either direction for the stream route's idle_timeout."},
    {"client_hello_timeout", 0, F::kClientTimeout, "",
     "The client's first message of TLS was not complete within the listener's timeouts.header."},
    {"bad_client_hello", 0, F::kClientProtocolError, "",
     "What came first is no message of TLS with which a client begins."},

    // Everything else.
    {"downstream_disconnected", 0, F::kClientDisconnected, "",
     "The client went away before its response was complete."},
    {"rate_limited", 429, F::kRateLimited, "http_request_denied", "A limit_count is used up."},
    {"overload", 503, F::kOverload, "proxy_internal_response",
     "The proxy has no memory or file descriptors left for this request."},
    {"draining", 503, F::kLocalReset, "proxy_internal_response",
     "The proxy is shutting down, and the drain timeout passed. The response is cut if it had "
     "begun."},
    {"internal_error", 500, F::kLocalReset, "proxy_internal_error",
     "A defect of the proxy. Please report it."},
});
static_assert(kTable.size() == kReasons);

const absl::flat_hash_map<absl::string_view, size_t>& Index() {
  static const auto* const kIndex = [] {
    auto* index = new absl::flat_hash_map<absl::string_view, size_t>;
    for (size_t i = 0; i < kReasons; ++i) index->emplace(kTable[i].details, i);
    return index;
  }();
  return *kIndex;
}

}  // namespace

std::span<const FlagInfo> AllFlags() { return kFlags; }

size_t WriteFlags(ResponseFlags flags, char* out) {
  char* const begin = out;
  for (const FlagInfo& info : kFlags) {
    if (!flags.Has(info.flag)) continue;
    if (out != begin) *out++ = ',';
    out = Append(info.code, out);
  }
  return static_cast<size_t>(out - begin);
}

std::span<const Reason> AllReasons() { return kTable; }

size_t ReasonIndex(absl::string_view details) {
  const auto it = Index().find(details);
  return it == Index().end() ? kReasons : it->second;
}

const Reason* FindReason(absl::string_view details) {
  const size_t index = ReasonIndex(details);
  return index == kReasons ? nullptr : &kTable[index];
}

}  // namespace sluice::observe
