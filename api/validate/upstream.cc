#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/plugin_map.h"
#include "api/validate/syntax.h"
#include "api/validate/upstream_tls.h"
#include "sluice/v1/service.pb.h"
#include "sluice/v1/upstream.pb.h"

namespace sluice::validate {
namespace {

using resource::Quoted;
using v1::Upstream;

constexpr int kMaxEndpoints = 4096;

void CheckEndpoints(const Upstream& upstream, const Field& field) {
  CheckCount(field.At("endpoints"), upstream.endpoints_size(), kMaxEndpoints, "endpoints");
  absl::flat_hash_map<std::string, int> first;
  for (int i = 0; i < upstream.endpoints_size(); ++i) {
    const v1::Endpoint& endpoint = upstream.endpoints(i);
    const Field element = field.At("endpoints", static_cast<size_t>(i));
    CheckTraits(endpoint, element);
    if (endpoint.address().empty()) continue;  // Required: said already.
    const Field address = element.At("address");
    if (std::optional<Flaw> flaw = CheckEndpointAddress(endpoint.address())) {
      address.Refuse(std::move(flaw));
      continue;
    }
    const auto [found, is_new] = first.emplace(ParseHostPort(endpoint.address())->ToString(), i);
    if (!is_new) {
      address.Refuse(absl::StrCat("the same as endpoints[", found->second, "], got ",
                                  Quoted(endpoint.address())),
                     "each address once, with the sum of the weights");
    }
  }
}

bool NeedsHashOn(Upstream::Policy policy) {
  return policy == Upstream::POLICY_HASH || policy == Upstream::POLICY_MAGLEV;
}

void CheckHashOn(const Upstream& upstream, const Field& field) {
  absl::string_view text = upstream.hash_on();
  if (NeedsHashOn(upstream.policy()) && text.empty()) {
    field.Refuse("missing: the policy needs it",
                 "header:NAME, cookie:NAME, query:NAME, path or client_ip");
  }
  if (text.empty()) return;
  if (!NeedsHashOn(upstream.policy())) {
    field.Refuse("has no meaning for this policy", "policy: hash or maglev, or the field left out");
  }
  if (text == "path" || text == "client_ip") return;
  if (absl::ConsumePrefix(&text, "header:")) {
    field.Refuse(CheckHeaderName(text));
  } else if (absl::ConsumePrefix(&text, "cookie:")) {
    field.Refuse(CheckHeaderName(text));  // Both are tokens (RFC 6265, 4.1.1).
  } else if (absl::ConsumePrefix(&text, "query:")) {
    field.Refuse(CheckParameterName(text));
  } else {
    field.Refuse(absl::StrCat("nothing to hash, got ", Quoted(upstream.hash_on())),
                 "header:NAME, cookie:NAME, query:NAME, path or client_ip");
  }
}

void CheckHost(const std::string& host, const Field& field) {
  if (host.empty() || host == "preserve" || host == "endpoint") return;
  if (CheckAuthority(host).has_value()) {
    field.Refuse(absl::StrCat("not a host, got ", Quoted(host)),
                 "preserve, endpoint, or a host with or without a port");
  }
}

void CheckBreakers(const Upstream::Breakers& breakers, const Field& field) {
  constexpr uint32_t kMost = 1'000'000;
  if (breakers.has_connections()) {
    CheckRange(field.At("connections"), breakers.connections(), 0, kMost);
  }
  if (breakers.has_pending()) CheckRange(field.At("pending"), breakers.pending(), 0, kMost);
  if (breakers.has_requests()) CheckRange(field.At("requests"), breakers.requests(), 0, kMost);
  if (breakers.has_retries()) CheckRange(field.At("retries"), breakers.retries(), 0, kMost);
}

}  // namespace

void CheckUpstream(const Upstream& upstream, const Field& field) {
  CheckEndpoints(upstream, field);
  CheckHashOn(upstream, field.At("hash_on"));
  CheckBalancing(upstream, field);
  CheckHost(upstream.host(), field.At("host"));
  if (upstream.has_connect_timeout()) {
    CheckDuration(field.At("connect_timeout"), upstream.connect_timeout(), absl::Milliseconds(10),
                  absl::Seconds(60));
  }
  if (upstream.has_idle_timeout()) {
    CheckDuration(field.At("idle_timeout"), upstream.idle_timeout(), absl::Milliseconds(100),
                  absl::Hours(24));
  }
  if (upstream.has_max_idle_connections()) {
    CheckRange(field.At("max_idle_connections"), upstream.max_idle_connections(), 0, 65536);
  }
  if (upstream.has_breakers()) CheckBreakers(upstream.breakers(), field.At("breakers"));
  if (upstream.has_max_streams_per_connection()) {
    CheckRange(field.At("max_streams_per_connection"), upstream.max_streams_per_connection(), 1,
               65536);
  }
  if (upstream.has_retry()) CheckRetry(upstream.retry(), field.At("retry"));
  if (upstream.has_outlier_detection()) {
    CheckOutlierDetection(upstream.outlier_detection(), field.At("outlier_detection"));
  }
  CheckHealthChecks(upstream.health_checks(), field);
  if (upstream.proxy_protocol() != Upstream::PROXY_PROTOCOL_UNSPECIFIED &&
      upstream.protocol() == Upstream::PROTOCOL_HTTP2) {
    field.At("proxy_protocol")
        .Refuse("has no meaning for http2, whose connections are of several clients",
                "protocol: http1, or the field left out");
  }
  if (upstream.has_tls()) CheckUpstreamTls(upstream.tls(), field.At("tls"));
}

void CheckService(const v1::Service& service, const Field& field) {
  const bool has_upstream = !service.upstream().empty();
  if (!has_upstream && service.upstreams_size() == 0) {
    field.At("upstream").Refuse("missing", "one of upstream and upstreams");
  }
  if (has_upstream && service.upstreams_size() > 0) {
    field.At("upstreams").Refuse("given beside upstream", "one of upstream and upstreams");
  }
  CheckSplit(service.upstreams(), service.has_sticky() ? &service.sticky() : nullptr, field);
  CheckPlugins(service.plugins(), field.At("plugins"));
}

}  // namespace sluice::validate
