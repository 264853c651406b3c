// Upstreams and what belongs to them, as the data path has them.

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "api/validate/syntax.h"
#include "proxy/runtime/convert.h"
#include "proxy/runtime/durations.h"

namespace sluice::runtime {
namespace {

using upstream::RetryOn;

upstream::HashOn ParseHashOn(absl::string_view text) {
  using Kind = upstream::HashOn::Kind;
  if (text == "path") return {Kind::kPath, ""};
  if (text == "client_ip") return {Kind::kClientIp, ""};
  if (absl::ConsumePrefix(&text, "header:")) return {Kind::kHeader, absl::AsciiStrToLower(text)};
  if (absl::ConsumePrefix(&text, "cookie:")) return {Kind::kCookie, std::string(text)};
  if (absl::ConsumePrefix(&text, "query:")) return {Kind::kQuery, std::string(text)};
  return {};
}

upstream::Policy ToPolicy(v1::Upstream::Policy policy) {
  switch (policy) {
    case v1::Upstream::POLICY_LEAST_REQUEST:
      return upstream::Policy::kLeastRequest;
    case v1::Upstream::POLICY_IP_HASH:
      return upstream::Policy::kIpHash;
    case v1::Upstream::POLICY_HASH:
      return upstream::Policy::kHash;
    case v1::Upstream::POLICY_MAGLEV:
      return upstream::Policy::kMaglev;
    case v1::Upstream::POLICY_RANDOM:
      return upstream::Policy::kRandom;
    case v1::Upstream::POLICY_EWMA:
      return upstream::Policy::kEwma;
    default:
      return upstream::Policy::kRoundRobin;
  }
}

upstream::BreakerLimits ToLimits(const v1::Upstream::Breakers& breakers) {
  upstream::BreakerLimits limits;
  if (breakers.has_connections()) limits.connections = breakers.connections();
  if (breakers.has_pending()) limits.pending = breakers.pending();
  if (breakers.has_requests()) limits.requests = breakers.requests();
  if (breakers.has_retries()) limits.retries = breakers.retries();
  return limits;
}

constexpr std::array<std::pair<absl::string_view, RetryOn>, 11> kConditions = {{
    {"connect_failure", RetryOn::kConnectFailure},
    {"refused_stream", RetryOn::kRefusedStream},
    {"reset", RetryOn::kReset},
    {"timeout", RetryOn::kTimeout},
    {"gateway_error", RetryOn::kGatewayError},
    {"5xx", RetryOn::k5xx},
    {"grpc_cancelled", RetryOn::kGrpcCancelled},
    {"grpc_deadline_exceeded", RetryOn::kGrpcDeadlineExceeded},
    {"grpc_internal", RetryOn::kGrpcInternal},
    {"grpc_resource_exhausted", RetryOn::kGrpcResourceExhausted},
    {"grpc_unavailable", RetryOn::kGrpcUnavailable},
}};

void AddCondition(absl::string_view text, upstream::RetryPolicy& policy) {
  uint32_t status;
  if (absl::SimpleAtoi(text, &status)) {
    policy.statuses.push_back(static_cast<uint16_t>(status));
    return;
  }
  for (const auto& [name, on] : kConditions) {
    if (text == name) policy.Add(on);
  }
  if (text != "5xx") return;
  // A response that never came is what a gateway would call 502, 503 or 504.
  for (const RetryOn on :
       {RetryOn::kConnectFailure, RetryOn::kRefusedStream, RetryOn::kReset, RetryOn::kTimeout}) {
    policy.Add(on);
  }
}

}  // namespace

std::shared_ptr<const upstream::RetryPolicy> ToRetryPolicy(const v1::Retry& retry) {
  upstream::RetryPolicy policy;
  if (retry.has_attempts()) policy.attempts = retry.attempts();
  for (const std::string& condition : retry.on()) AddCondition(condition, policy);
  if (retry.on().empty()) {
    for (const RetryOn on : {RetryOn::kConnectFailure, RetryOn::kRefusedStream, RetryOn::kReset,
                             RetryOn::kTimeout, RetryOn::kGatewayError}) {
      policy.Add(on);
    }
  }
  if (retry.has_per_try_timeout()) policy.per_try_timeout_ns = ToNanos(retry.per_try_timeout());
  if (!retry.budget().empty()) {
    policy.budget_percent = validate::ParsePercent(retry.budget()).value_or(20);
  }
  if (retry.has_min_retries()) policy.min_retries = retry.min_retries();
  if (retry.back_off().has_base()) policy.back_off_base_ns = ToNanos(retry.back_off().base());
  policy.back_off_max_ns =
      retry.back_off().has_max() ? ToNanos(retry.back_off().max()) : 10 * policy.back_off_base_ns;
  policy.non_idempotent = retry.non_idempotent();
  policy.hedge = retry.hedge();
  return std::make_shared<const upstream::RetryPolicy>(std::move(policy));
}

upstream::Settings ToUpstreamSettings(const v1::Resource& resource) {
  const v1::Upstream& upstream = resource.upstream();
  upstream::Settings settings;
  settings.name = resource.name();
  settings.policy = ToPolicy(upstream.policy());
  settings.hash_on = ParseHashOn(upstream.hash_on());
  if (upstream.protocol() == v1::Upstream::PROTOCOL_HTTP2) {
    settings.protocol = upstream::Protocol::kHttp2;
  }
  if (upstream.host() == "endpoint") {
    settings.host_mode = upstream::HostMode::kEndpoint;
  } else if (!upstream.host().empty() && upstream.host() != "preserve") {
    settings.host_mode = upstream::HostMode::kLiteral;
    settings.host = upstream.host();
  }
  if (upstream.has_connect_timeout()) {
    settings.connect_timeout_ns = ToNanos(upstream.connect_timeout());
  }
  if (upstream.has_idle_timeout()) settings.idle_timeout_ns = ToNanos(upstream.idle_timeout());
  if (upstream.has_max_idle_connections()) settings.max_idle = upstream.max_idle_connections();
  if (upstream.has_max_streams_per_connection()) {
    settings.max_streams = upstream.max_streams_per_connection();
  }
  if (upstream.proxy_protocol() == v1::Upstream::PROXY_PROTOCOL_V1) {
    settings.proxy_protocol = net::ProxyProtocol::kV1;
  } else if (upstream.proxy_protocol() == v1::Upstream::PROXY_PROTOCOL_V2) {
    settings.proxy_protocol = net::ProxyProtocol::kV2;
  }
  settings.breaker_limits = ToLimits(upstream.breakers());
  if (upstream.has_retry()) settings.retry = ToRetryPolicy(upstream.retry());
  if (upstream.has_outlier_detection()) {
    settings.outlier = ToOutlierPolicy(upstream.outlier_detection());
  }
  if (!upstream.health_checks().empty()) {
    std::vector<upstream::CheckSpec> checks;
    for (const v1::HealthCheck& check : upstream.health_checks()) {
      checks.push_back(ToCheckSpec(check));
    }
    settings.checks = std::make_shared<const std::vector<upstream::CheckSpec>>(std::move(checks));
  }
  return settings;
}

}  // namespace sluice::runtime
