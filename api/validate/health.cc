#include "sluice/v1/health.pb.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/validate/probe.h"
#include "api/validate/syntax.h"

namespace sluice::validate {
namespace {

using resource::Quoted;
using v1::HealthCheck;
using v1::OutlierDetection;

constexpr int kMaxChecks = 8;
constexpr int kMaxOfList = 32;
constexpr size_t kMaxPath = 4096;
constexpr size_t kMaxExpected = 1024;

void CheckStatuses(const google::protobuf::RepeatedPtrField<std::string>& statuses,
                   const Field& field, absl::string_view list) {
  CheckCount(field.At(list), statuses.size(), kMaxOfList, "statuses");
  for (int i = 0; i < statuses.size(); ++i) {
    if (ParseStatusRange(statuses.Get(i)).has_value()) continue;
    field.At(list, static_cast<size_t>(i))
        .Refuse(absl::StrCat("no status, got ", Quoted(statuses.Get(i))),
                "200, 2xx or 200-299, from 200 to 599");
  }
}

void CheckHost(const std::string& host, const Field& field) {
  if (host.empty()) return;
  field.Refuse(CheckAuthority(host));
}

// A target that every codec can carry as it is.
bool IsPath(absl::string_view path) {
  if (path.empty() || path[0] != '/') return false;
  for (const char c : path) {
    if (c <= ' ' || c >= 0x7f || c == '#') return false;
  }
  return true;
}

void CheckHttp(const HealthCheck::Http& http, const Field& field) {
  CheckLength(field.At("path"), http.path(), kMaxPath);
  if (!http.path().empty() && !IsPath(http.path())) {
    field.At("path").Refuse(absl::StrCat("no path, got ", Quoted(http.path())),
                            "\"/\" first, then visible ASCII characters without \"#\"");
  }
  constexpr std::array<absl::string_view, 5> kMethods = {"", "GET", "HEAD", "OPTIONS", "POST"};
  if (std::find(kMethods.begin(), kMethods.end(), http.method()) == kMethods.end()) {
    field.At("method").Refuse(absl::StrCat("no method of a check, got ", Quoted(http.method())),
                              "GET, HEAD, OPTIONS or POST");
  }
  CheckHost(http.host(), field.At("host"));
  const Field headers = field.At("headers");
  CheckCount(headers, static_cast<int>(http.headers().size()), kMaxOfList, "headers");
  const std::map<std::string, std::string> sorted(http.headers().begin(), http.headers().end());
  for (const auto& [name, value] : sorted) {
    headers.At(name).Refuse(CheckHeaderName(name));
    headers.At(name).Refuse(CheckHeaderValue(value));
    if (IsFramingHeader(name) || absl::EqualsIgnoreCase(name, "host")) {
      headers.At(name).Refuse("set by the proxy itself", "`host` for the Host, and no framing");
    }
  }
  CheckStatuses(http.expected_statuses(), field, "expected_statuses");
  CheckStatuses(http.retriable_statuses(), field, "retriable_statuses");
  CheckLength(field.At("body"), http.body(), kMaxExpected);
  if (!http.body().empty() && http.method() == "HEAD") {
    field.At("body").Refuse("a response to HEAD has none", "method: GET");
  }
}

void CheckPayload(const std::string& text, const Field& field, size_t most) {
  const std::optional<std::string> bytes = ParsePayload(text);
  if (!bytes.has_value()) {
    return field.Refuse(absl::StrCat("not hexadecimal, got ", Quoted(text)),
                        "hex: and two digits for each byte");
  }
  CheckLength(field, *bytes, most);
}

void CheckOne(const HealthCheck& check, const Field& field) {
  const int kinds = int{check.has_http()} + int{check.has_tcp()} + int{check.has_grpc()};
  if (kinds != 1) {
    field.Refuse(kinds == 0 ? "asks nothing" : "asks several things", "one of http, tcp and grpc");
  }
  if (check.has_http()) CheckHttp(check.http(), field.At("http"));
  if (check.has_tcp()) {
    CheckPayload(check.tcp().send(), field.At("tcp").At("send"), kMaxPath);
    CheckPayload(check.tcp().receive(), field.At("tcp").At("receive"), kMaxExpected);
  }
  if (check.has_grpc()) {
    CheckLength(field.At("grpc").At("service"), check.grpc().service(), 256);
    CheckHost(check.grpc().host(), field.At("grpc").At("host"));
  }
  const auto interval = [&](absl::string_view name, const google::protobuf::Duration& duration) {
    CheckDuration(field.At(name), duration, absl::Milliseconds(100), absl::Hours(1));
  };
  if (check.has_interval()) interval("interval", check.interval());
  if (check.has_unhealthy_interval()) interval("unhealthy_interval", check.unhealthy_interval());
  if (check.has_no_traffic_interval()) {
    interval("no_traffic_interval", check.no_traffic_interval());
  }
  if (check.has_timeout()) {
    CheckDuration(field.At("timeout"), check.timeout(), absl::Milliseconds(10), absl::Seconds(60));
  }
  if (check.has_unhealthy_threshold()) {
    CheckRange(field.At("unhealthy_threshold"), check.unhealthy_threshold(), 1, 1000);
  }
  if (check.has_healthy_threshold()) {
    CheckRange(field.At("healthy_threshold"), check.healthy_threshold(), 1, 1000);
  }
  if (!check.jitter().empty() && !ParsePercent(check.jitter()).has_value()) {
    field.At("jitter").Refuse(absl::StrCat("no percentage, got ", Quoted(check.jitter())),
                              "0% to 100%");
  }
  if (check.has_reuse_connection() && check.has_tcp()) {
    field.At("reuse_connection").Refuse("a tcp check is a connection", "http or grpc");
  }
  CheckRange(field.At("port"), check.port(), 0, 65535);
}

void CheckRates(const OutlierDetection& detection, const Field& field) {
  constexpr uint64_t kMostRequests = 1'000'000'000;
  if (detection.has_success_rate()) {
    const OutlierDetection::SuccessRate& rate = detection.success_rate();
    const Field at = field.At("success_rate");
    if (rate.has_minimum_hosts()) {
      CheckRange(at.At("minimum_hosts"), rate.minimum_hosts(), 1, 4096);
    }
    if (rate.has_request_volume()) {
      CheckRange(at.At("request_volume"), rate.request_volume(), 1, kMostRequests);
    }
    if (rate.has_stdev_factor()) {
      CheckRange(at.At("stdev_factor"), rate.stdev_factor(), 1, 100'000);
    }
  }
  if (detection.has_failure_percentage()) {
    const OutlierDetection::FailurePercentage& failures = detection.failure_percentage();
    const Field at = field.At("failure_percentage");
    if (failures.has_threshold()) CheckRange(at.At("threshold"), failures.threshold(), 1, 100);
    if (failures.has_minimum_hosts()) {
      CheckRange(at.At("minimum_hosts"), failures.minimum_hosts(), 1, 4096);
    }
    if (failures.has_request_volume()) {
      CheckRange(at.At("request_volume"), failures.request_volume(), 1, kMostRequests);
    }
  }
}

}  // namespace

void CheckHealthChecks(const google::protobuf::RepeatedPtrField<HealthCheck>& checks,
                       const Field& field) {
  CheckCount(field.At("health_checks"), checks.size(), kMaxChecks, "checks");
  for (int i = 0; i < checks.size(); ++i) {
    CheckOne(checks.Get(i), field.At("health_checks", static_cast<size_t>(i)));
  }
}

void CheckOutlierDetection(const OutlierDetection& detection, const Field& field) {
  constexpr uint64_t kMostInARow = 10'000;
  if (detection.has_consecutive_5xx()) {
    CheckRange(field.At("consecutive_5xx"), detection.consecutive_5xx(), 0, kMostInARow);
  }
  if (detection.has_consecutive_gateway_failures()) {
    CheckRange(field.At("consecutive_gateway_failures"), detection.consecutive_gateway_failures(),
               0, kMostInARow);
  }
  if (detection.has_consecutive_local_origin_failures()) {
    const Field at = field.At("consecutive_local_origin_failures");
    CheckRange(at, detection.consecutive_local_origin_failures(), 0, kMostInARow);
    if (!detection.split_local_origin_errors()) {
      at.Refuse("has no effect: they are not counted apart", "split_local_origin_errors: true");
    }
  }
  if (detection.has_interval()) {
    CheckDuration(field.At("interval"), detection.interval(), absl::Milliseconds(100),
                  absl::Hours(1));
  }
  absl::Duration base = absl::Seconds(30);
  if (detection.has_base_ejection_time()) {
    CheckDuration(field.At("base_ejection_time"), detection.base_ejection_time(),
                  absl::Milliseconds(100), absl::Hours(1));
    base = ToDuration(detection.base_ejection_time());
  }
  if (detection.has_max_ejection_time()) {
    CheckDuration(field.At("max_ejection_time"), detection.max_ejection_time(), base,
                  absl::Hours(24));
  }
  if (detection.has_max_ejection_percent()) {
    CheckRange(field.At("max_ejection_percent"), detection.max_ejection_percent(), 0, 100);
  }
  CheckRates(detection, field);
}

}  // namespace sluice::validate
