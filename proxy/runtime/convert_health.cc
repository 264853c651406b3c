// Health checks and outlier detection, as the data path has them.

#include <algorithm>

#include "absl/strings/ascii.h"
#include "api/validate/probe.h"
#include "api/validate/syntax.h"
#include "proxy/runtime/convert.h"
#include "proxy/runtime/durations.h"

namespace sluice::runtime {
namespace {

using upstream::CheckSpec;

std::vector<CheckSpec::Range> ToRanges(
    const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::vector<CheckSpec::Range> ranges;
  for (const std::string& text : texts) {
    if (const auto range = validate::ParseStatusRange(text)) {
      ranges.emplace_back(range->first, range->last);
    }
  }
  return ranges;
}

void SetHttp(const v1::HealthCheck::Http& http, CheckSpec& spec) {
  if (!http.path().empty()) spec.path = http.path();
  if (!http.method().empty()) spec.method = http.method();
  spec.host = http.host();
  for (const auto& [name, value] : http.headers()) {
    spec.headers.emplace_back(absl::AsciiStrToLower(name), value);
  }
  std::sort(spec.headers.begin(), spec.headers.end());
  if (!http.expected_statuses().empty()) spec.expected = ToRanges(http.expected_statuses());
  spec.retriable = ToRanges(http.retriable_statuses());
  spec.body = http.body();
}

}  // namespace

CheckSpec ToCheckSpec(const v1::HealthCheck& check) {
  CheckSpec spec;
  if (check.has_interval()) spec.interval_ns = ToNanos(check.interval());
  spec.unhealthy_interval_ns =
      check.has_unhealthy_interval() ? ToNanos(check.unhealthy_interval()) : spec.interval_ns;
  spec.no_traffic_interval_ns =
      check.has_no_traffic_interval() ? ToNanos(check.no_traffic_interval()) : spec.interval_ns;
  if (check.has_timeout()) spec.timeout_ns = ToNanos(check.timeout());
  if (check.has_unhealthy_threshold()) spec.unhealthy_threshold = check.unhealthy_threshold();
  if (check.has_healthy_threshold()) spec.healthy_threshold = check.healthy_threshold();
  if (!check.jitter().empty()) {
    spec.jitter_percent = validate::ParsePercent(check.jitter()).value_or(10);
  }
  if (check.has_reuse_connection()) spec.keeps_connection = check.reuse_connection();
  spec.port = static_cast<uint16_t>(check.port());
  if (check.has_tcp()) {
    spec.kind = CheckSpec::Kind::kTcp;
    spec.send = validate::ParsePayload(check.tcp().send()).value_or("");
    spec.receive = validate::ParsePayload(check.tcp().receive()).value_or("");
  } else if (check.has_grpc()) {
    spec.kind = CheckSpec::Kind::kGrpc;
    spec.service = check.grpc().service();
    spec.host = check.grpc().host();
  } else {
    SetHttp(check.http(), spec);
  }
  return spec;
}

std::shared_ptr<const upstream::OutlierPolicy> ToOutlierPolicy(const v1::OutlierDetection& config) {
  upstream::OutlierPolicy policy;
  if (config.has_consecutive_5xx()) policy.consecutive_5xx = config.consecutive_5xx();
  policy.consecutive_gateway_failures = config.consecutive_gateway_failures();
  policy.splits_local_origin = config.split_local_origin_errors();
  if (config.has_consecutive_local_origin_failures()) {
    policy.consecutive_local_origin_failures = config.consecutive_local_origin_failures();
  }
  if (config.has_interval()) policy.interval_ns = ToNanos(config.interval());
  if (config.has_base_ejection_time()) {
    policy.base_ejection_ns = ToNanos(config.base_ejection_time());
  }
  policy.max_ejection_ns = config.has_max_ejection_time()
                               ? ToNanos(config.max_ejection_time())
                               : std::max(policy.max_ejection_ns, policy.base_ejection_ns);
  if (config.has_max_ejection_percent()) {
    policy.max_ejection_percent = config.max_ejection_percent();
  }
  if (config.has_uneject_on_check()) policy.unejects_on_check = config.uneject_on_check();

  const v1::OutlierDetection::SuccessRate& rate = config.success_rate();
  if (rate.has_enforce()) policy.success_rate.is_enforced = rate.enforce();
  if (rate.has_minimum_hosts()) policy.success_rate.minimum_hosts = rate.minimum_hosts();
  if (rate.has_request_volume()) policy.success_rate.request_volume = rate.request_volume();
  if (rate.has_stdev_factor()) policy.success_rate.stdev_factor = rate.stdev_factor() / 1000.0;

  const v1::OutlierDetection::FailurePercentage& failures = config.failure_percentage();
  policy.failure_percentage.is_enforced = config.has_failure_percentage();
  if (failures.has_threshold()) policy.failure_percentage.threshold = failures.threshold();
  if (failures.has_minimum_hosts()) {
    policy.failure_percentage.minimum_hosts = failures.minimum_hosts();
  }
  if (failures.has_request_volume()) {
    policy.failure_percentage.request_volume = failures.request_volume();
  }
  return std::make_shared<const upstream::OutlierPolicy>(policy);
}

}  // namespace sluice::runtime
