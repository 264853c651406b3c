#include "proxy/runtime/convert.h"

#include "proxy/net/address.h"
#include "proxy/runtime/durations.h"
#include "proxy/runtime/tls.h"

namespace sluice::runtime {
namespace {

void FillHttp2(const v1::Listener::Http2& config, http::Http2Settings& http2) {
  http2.is_disabled = config.disabled();
  if (config.has_max_concurrent_streams()) http2.max_streams = config.max_concurrent_streams();
  if (config.has_stream_window())
    http2.stream_window = static_cast<uint32_t>(config.stream_window());
  if (config.has_connection_window()) {
    http2.connection_window = static_cast<uint32_t>(config.connection_window());
  }
  if (config.has_max_cookies()) http2.max_cookies = config.max_cookies();
  if (config.has_control_frames()) http2.floods.control_frames = config.control_frames();
  if (config.has_resets()) http2.floods.resets = config.resets();
  if (config.has_flush_timeout()) http2.flush_timeout_ns = ToNanos(config.flush_timeout());
  if (config.has_ping_after()) http2.ping_after_ns = ToNanos(config.ping_after());
}

void FillServerSettings(const v1::Listener& listener, http::ServerSettings& http) {
  const v1::Listener::Limits& limits = listener.limits();
  if (limits.has_header_bytes()) http.head.bytes = limits.header_bytes();
  if (limits.has_headers()) http.head.headers = limits.headers();
  if (limits.has_requests_per_connection()) {
    http.requests_per_connection = limits.requests_per_connection();
  }
  const v1::Listener::Timeouts& timeouts = listener.timeouts();
  if (timeouts.has_header()) http.header_timeout_ns = ToNanos(timeouts.header());
  if (timeouts.has_idle()) http.idle_timeout_ns = ToNanos(timeouts.idle());
  if (timeouts.has_body_grace()) http.body_grace_ns = ToNanos(timeouts.body_grace());
  if (timeouts.has_min_body_rate()) http.min_body_rate = timeouts.min_body_rate();
  FillHttp2(listener.http2(), http.http2);
  if (listener.header_underscores() == v1::Listener::HEADER_UNDERSCORES_DROP) {
    http.underscores = http::UnderscorePolicy::kDrop;
  } else if (listener.header_underscores() == v1::Listener::HEADER_UNDERSCORES_ALLOW) {
    http.underscores = http::UnderscorePolicy::kAllow;
  }
}

std::shared_ptr<const AcceptedProxyHeaders> ToProxyHeaders(
    const v1::Listener::ProxyProtocol& config) {
  auto accepted = std::make_shared<AcceptedProxyHeaders>();
  accepted->is_optional = config.mode() == v1::Listener::ProxyProtocol::MODE_OPTIONAL;
  for (const std::string& range : config.trusted_sources()) {
    if (const auto parsed = net::IpRange::Parse(range)) accepted->sources.push_back(*parsed);
  }
  return accepted;
}

}  // namespace

exchange::CompiledRoute ToCompiledRoute(const v1::Resource& resource) {
  const v1::Route& route = resource.route();
  exchange::CompiledRoute compiled;
  compiled.name = resource.name();
  compiled.plugin_order = {route.plugin_order().begin(), route.plugin_order().end()};
  compiled.upgrades = {route.upgrades().begin(), route.upgrades().end()};
  compiled.allows_connect = route.connect();
  if (route.has_timeout()) compiled.timeout_ns = ToNanos(route.timeout());
  if (route.has_idle_timeout()) compiled.idle_timeout_ns = ToNanos(route.idle_timeout());
  if (route.has_total_timeout()) compiled.total_timeout_ns = ToNanos(route.total_timeout());
  if (route.shed_priority() == v1::Route::SHED_PRIORITY_LOW) compiled.shed_priority = 0;
  if (route.shed_priority() == v1::Route::SHED_PRIORITY_HIGH) compiled.shed_priority = 2;
  compiled.subset = ToSubsetChoice(route.subset());
  compiled.has_subset = compiled.subset != nullptr;
  if (route.has_retry()) compiled.retry = ToRetryPolicy(route.retry());
  compiled.has_retry = compiled.retry != nullptr;
  return compiled;
}

stream::CompiledStreamRoute ToCompiledStreamRoute(const v1::Resource& resource) {
  const v1::StreamRoute& route = resource.stream_route();
  stream::CompiledStreamRoute compiled;
  compiled.name = resource.name();
  compiled.upstream = route.upstream();
  compiled.subset = upstream::SubsetKey({route.subset().begin(), route.subset().end()});
  if (route.has_idle_timeout()) compiled.idle_timeout_ns = ToNanos(route.idle_timeout());
  return compiled;
}

bool IsStream(const v1::Listener& listener) {
  return listener.protocol() == v1::Listener::PROTOCOL_TCP ||
         listener.protocol() == v1::Listener::PROTOCOL_TLS_PASSTHROUGH;
}

ListenerSpec ToListenerSpec(const v1::Resource& resource,
                            std::vector<resource::Problem>& problems) {
  const v1::Listener& listener = resource.listener();
  ListenerSpec spec;
  spec.name = resource.name();
  if (const auto address = net::Address::Parse(listener.address())) {
    spec.address = *address;
  } else {
    problems.push_back({.kind = "Listener",
                        .name = resource.name(),
                        .field = "address",
                        .problem = "no address: " + resource::Quoted(listener.address()),
                        .want = "IP:PORT"});
  }
  if (listener.limits().has_connections()) spec.max_connections = listener.limits().connections();
  FillServerSettings(listener, spec.http);
  if (listener.has_proxy_protocol()) {
    spec.proxy_headers = ToProxyHeaders(listener.proxy_protocol());
  }
  if (listener.tls().has_handshake_timeout()) {
    spec.tls_handshake_timeout_ns = ToNanos(listener.tls().handshake_timeout());
  }
  return spec;
}

void FillRules(const v1::Resource& resource, exchange::ListenerRules& rules) {
  const v1::Listener& listener = resource.listener();
  rules.name = resource.name();
  if (listener.limits().has_body_bytes()) rules.max_body_bytes = listener.limits().body_bytes();
  if (listener.escaped_slashes() == v1::Listener::ESCAPED_SLASHES_KEEP) {
    rules.escaped_slashes = match::EscapedSlashes::kKeep;
  } else if (listener.escaped_slashes() == v1::Listener::ESCAPED_SLASHES_DECODE) {
    rules.escaped_slashes = match::EscapedSlashes::kDecode;
  }
  rules.forward_client_cert = ToForwardClientCert(listener.tls().forward_client_cert());
  for (const std::string& range : listener.client_address().trusted_proxies()) {
    if (const auto parsed = net::IpRange::Parse(range)) rules.trusted_proxies.push_back(*parsed);
  }
}

std::shared_ptr<const exchange::AccessLog> ToAccessLog(const v1::Resource& resource,
                                                       observe::LogThread& log,
                                                       std::vector<resource::Problem>& problems) {
  const v1::Listener::AccessLog& config = resource.listener().access_log();
  const bool is_json = config.format() == v1::Listener::AccessLog::FORMAT_JSON;
  absl::StatusOr<observe::AccessLogFormat> format =
      is_json ? observe::AccessLogFormat::Json({config.fields().begin(), config.fields().end()})
              : observe::AccessLogFormat::Text(config.template_());
  if (!format.ok()) {
    problems.push_back({.kind = "Listener",
                        .name = resource.name(),
                        .field = is_json ? "access_log.fields" : "access_log.template",
                        .problem = std::string(format.status().message())});
    return nullptr;
  }
  return std::make_shared<const exchange::AccessLog>(
      exchange::AccessLog{*std::move(format), log.Open(config.path())});
}

}  // namespace sluice::runtime
