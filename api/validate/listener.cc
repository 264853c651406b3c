#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/listener_tls.h"
#include "api/validate/syntax.h"
#include "base/log_format.h"
#include "sluice/v1/listener.pb.h"

namespace sluice::validate {
namespace {

using resource::Quoted;
using v1::Listener;

constexpr int kMaxGroups = 64;
constexpr int kMaxTrustedProxies = 256;
constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kTiB = uint64_t{1} << 40;

void CheckTrustedProxies(const Listener::ClientAddress& client, const Field& field) {
  CheckCount(field.At("trusted_proxies"), client.trusted_proxies_size(), kMaxTrustedProxies,
             "ranges");
  for (int i = 0; i < client.trusted_proxies_size(); ++i) {
    field.At("trusted_proxies", static_cast<size_t>(i))
        .Refuse(CheckRangeOfIps(client.trusted_proxies(i)));
  }
}

void CheckProxyProtocol(const Listener::ProxyProtocol& proxy, const Field& field) {
  CheckCount(field.At("trusted_sources"), proxy.trusted_sources_size(), kMaxTrustedProxies,
             "ranges");
  for (int i = 0; i < proxy.trusted_sources_size(); ++i) {
    field.At("trusted_sources", static_cast<size_t>(i))
        .Refuse(CheckRangeOfIps(proxy.trusted_sources(i)));
  }
}

// Of parsing a template: it says what is wrong and what would be right.
void RefuseStatus(const absl::Status& status, const Field& field) {
  if (!status.ok()) field.Refuse(std::string(status.message()));
}

void CheckAccessLog(const Listener::AccessLog& log, const Field& field) {
  const Field path = field.At("path");
  if (!log.path().empty() && !absl::StartsWith(log.path(), "/")) {
    path.Refuse(absl::StrCat("not an absolute path, got ", Quoted(log.path())),
                absl::StrCat("/", log.path()));
  }
  path.Refuse(CheckPrintable(log.path()));
  const bool is_json = log.format() == Listener::AccessLog::FORMAT_JSON;
  if (is_json && !log.template_().empty()) {
    field.At("template").Refuse("has no meaning for json", "fields, or format: text");
  }
  if (!is_json && !log.fields().empty()) {
    field.At("fields").Refuse("has no meaning for text", "template, or format: json");
  }
  RefuseStatus(ParseLogTemplate(log.template_()).status(), field.At("template"));
  RefuseStatus(ParseLogMembers({log.fields().begin(), log.fields().end()}).status(),
               field.At("fields"));
}

void CheckLimits(const Listener::Limits& limits, const Field& field) {
  if (limits.has_header_bytes()) {
    CheckSize(field.At("header_bytes"), limits.header_bytes(), kKiB, kMiB);
  }
  if (limits.has_headers()) CheckRange(field.At("headers"), limits.headers(), 1, 1000);
  if (limits.has_body_bytes()) CheckSize(field.At("body_bytes"), limits.body_bytes(), 0, kTiB);
  if (limits.has_connections()) {
    CheckRange(field.At("connections"), limits.connections(), 1, 10'000'000);
  }
  if (limits.has_requests_per_connection()) {
    CheckRange(field.At("requests_per_connection"), limits.requests_per_connection(), 1,
               UINT64_MAX);
  }
}

void CheckTimeouts(const Listener::Timeouts& timeouts, const Field& field) {
  if (timeouts.has_header()) {
    CheckDuration(field.At("header"), timeouts.header(), absl::Milliseconds(100), absl::Hours(1));
  }
  if (timeouts.has_idle()) {
    CheckDuration(field.At("idle"), timeouts.idle(), absl::Milliseconds(100), absl::Hours(24));
  }
  if (timeouts.has_body_grace()) {
    CheckDuration(field.At("body_grace"), timeouts.body_grace(), absl::Seconds(1), absl::Hours(1));
  }
  if (timeouts.has_min_body_rate()) {
    CheckSize(field.At("min_body_rate"), timeouts.min_body_rate(), 0, kGiB);
  }
}

void CheckHttp2(const Listener::Http2& http2, const Field& field) {
  if (http2.has_max_concurrent_streams()) {
    CheckRange(field.At("max_concurrent_streams"), http2.max_concurrent_streams(), 1, 10'000);
  }
  if (http2.has_stream_window()) {
    CheckSize(field.At("stream_window"), http2.stream_window(), 64 * kKiB, 16 * kMiB);
  }
  if (http2.has_connection_window()) {
    CheckSize(field.At("connection_window"), http2.connection_window(), 64 * kKiB, 64 * kMiB);
  }
  if (http2.has_max_cookies()) CheckRange(field.At("max_cookies"), http2.max_cookies(), 1, 1000);
  if (http2.has_control_frames()) {
    CheckRange(field.At("control_frames"), http2.control_frames(), 100, 100'000);
  }
  if (http2.has_resets()) CheckRange(field.At("resets"), http2.resets(), 10, 100'000);
  if (http2.has_flush_timeout()) {
    CheckDuration(field.At("flush_timeout"), http2.flush_timeout(), absl::Seconds(1),
                  absl::Hours(1));
  }
  if (http2.has_ping_after()) {
    CheckDuration(field.At("ping_after"), http2.ping_after(), absl::ZeroDuration(), absl::Hours(1));
  }
}

// Fields that only HTTP reads, on a listener that does not speak it.
void CheckStream(const Listener& listener, const Field& field) {
  const auto refuse = [&field](bool is_given, absl::string_view name) {
    if (!is_given) return;
    field.At(name).Refuse("has no meaning for this protocol",
                          "protocol: http, or the field left out");
  };
  refuse(listener.has_client_address(), "client_address");
  refuse(listener.has_http2(), "http2");
  refuse(listener.escaped_slashes() != Listener::ESCAPED_SLASHES_UNSPECIFIED, "escaped_slashes");
  refuse(listener.header_underscores() != Listener::HEADER_UNDERSCORES_UNSPECIFIED,
         "header_underscores");
  if (listener.has_tls() && listener.protocol() == Listener::PROTOCOL_TLS_PASSTHROUGH) {
    field.At("tls").Refuse("has no meaning where TLS passes through",
                           "protocol: tcp, which ends TLS, or the field left out");
  }
  if (listener.tls().has_forward_client_cert()) {
    field.At("tls")
        .At("forward_client_cert")
        .Refuse("has no meaning for this protocol", "protocol: http, or the field left out");
  }
}

}  // namespace

void CheckListener(const Listener& listener, const Field& field) {
  if (!listener.address().empty()) {
    field.At("address").Refuse(CheckSocketAddress(listener.address()));
  }
  CheckNames(listener.groups(), kMaxGroups, field, "groups");
  CheckTrustedProxies(listener.client_address(), field.At("client_address"));
  if (listener.has_access_log()) CheckAccessLog(listener.access_log(), field.At("access_log"));
  CheckLimits(listener.limits(), field.At("limits"));
  CheckTimeouts(listener.timeouts(), field.At("timeouts"));
  CheckHttp2(listener.http2(), field.At("http2"));
  if (listener.has_tls()) CheckListenerTls(listener.tls(), field.At("tls"));
  if (listener.protocol() == Listener::PROTOCOL_TCP ||
      listener.protocol() == Listener::PROTOCOL_TLS_PASSTHROUGH) {
    CheckStream(listener, field);
  }
  if (listener.has_proxy_protocol()) {
    CheckProxyProtocol(listener.proxy_protocol(), field.At("proxy_protocol"));
  }
}

}  // namespace sluice::validate
