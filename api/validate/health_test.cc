// The bounds of health checks and outlier detection: the last value within, the first outside.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/validate/testing/rows.h"
#include "gtest/gtest.h"

namespace sluice::validate {
namespace {

// Rows with the values of one field of an upstream.
void ExpectRowsOf(absl::string_view field, std::vector<Row> rows) {
  for (Row& row : rows) row.fields = absl::StrCat(field, ": ", row.fields);
  ExpectRows("Upstream", rows);
}

TEST(HealthCheckTest, AsksExactlyOneThing) {
  const std::string want = "; want one of http, tcp and grpc";
  ExpectRowsOf("health_checks",
               {{"[{http: {}}, {tcp: {}}, {grpc: {}}]", ""},
                {"[{}]", "health_checks[0]: asks nothing" + want},
                {"[{http: {}, tcp: {}}]", "health_checks[0]: asks several things" + want},
                {"[" + absl::StrJoin(std::vector<std::string>(8, "{http: {}}"), ",") + "]", ""},
                {"[" + absl::StrJoin(std::vector<std::string>(9, "{http: {}}"), ",") + "]",
                 "health_checks: too many checks, got 9; want 8 at most"}});
}

TEST(HealthCheckTest, TimesAndCountsHaveBounds) {
  ExpectRowsOf("health_checks",
               {{"[{http: {}, interval: 100ms, timeout: 10ms, unhealthy_threshold: 1, "
                 "healthy_threshold: 1, jitter: 0%, unhealthy_interval: 1h, port: 65535, "
                 "no_traffic_interval: 1h, reuse_connection: false}]",
                 ""},
                {"[{http: {}, interval: 99ms}]",
                 "health_checks[0].interval: out of range, got 99ms; want 100ms to 1h"},
                {"[{http: {}, timeout: 61s}]",
                 "health_checks[0].timeout: out of range, got 1m1s; want 10ms to 1m"},
                {"[{http: {}, unhealthy_threshold: 0}]",
                 "health_checks[0].unhealthy_threshold: out of range, got 0; want 1 to 1000"},
                {"[{http: {}, healthy_threshold: 1001}]",
                 "health_checks[0].healthy_threshold: out of range, got 1001; want 1 to 1000"},
                {"[{http: {}, jitter: 101%}]",
                 "health_checks[0].jitter: no percentage, got \"101%\"; want 0% to 100%"},
                {"[{http: {}, unhealthy_interval: 2h}]",
                 "health_checks[0].unhealthy_interval: out of range, got 2h; want 100ms to 1h"},
                {"[{http: {}, no_traffic_interval: 2h}]",
                 "health_checks[0].no_traffic_interval: out of range, got 2h; want 100ms to 1h"},
                {"[{http: {}, port: 65536}]",
                 "health_checks[0].port: out of range, got 65536; want 0 to 65535"},
                {"[{tcp: {}, reuse_connection: true}]",
                 "health_checks[0].reuse_connection: a tcp check is a connection; want http or "
                 "grpc"}});
}

TEST(HealthCheckTest, AnHttpRequestCanBeSentAsItIsWritten) {
  ExpectRowsOf(
      "health_checks",
      {{"[{http: {path: '/healthz?full=1', method: HEAD, host: a.example:8080, "
        "headers: {x-a: b}, expected_statuses: ['200', 3xx, 400-404], retriable_statuses: "
        "['503']}}]",
        ""},
       {"[{http: {path: healthz}}]",
        "health_checks[0].http.path: no path, got \"healthz\"; want \"/\" first, then visible "
        "ASCII characters without \"#\""},
       {"[{http: {path: '/a b'}}]",
        "health_checks[0].http.path: no path, got \"/a b\"; want \"/\" first, then visible "
        "ASCII characters without \"#\""},
       {"[{http: {method: get}}]",
        "health_checks[0].http.method: no method of a check, got \"get\"; want GET, HEAD, "
        "OPTIONS or POST"},
       {"[{http: {headers: {Host: a}}}]",
        "health_checks[0].http.headers.Host: set by the proxy itself; want `host` for the Host, "
        "and no framing"},
       {"[{http: {headers: {transfer-encoding: chunked}}}]",
        "health_checks[0].http.headers.transfer-encoding: set by the proxy itself; want `host` "
        "for the Host, and no framing"},
       {"[{http: {expected_statuses: ['199']}}]",
        "health_checks[0].http.expected_statuses[0]: no status, got \"199\"; want 200, 2xx or "
        "200-299, from 200 to 599"},
       {"[{http: {retriable_statuses: [all]}}]",
        "health_checks[0].http.retriable_statuses[0]: no status, got \"all\"; want 200, 2xx or "
        "200-299, from 200 to 599"},
       {"[{http: {method: HEAD, body: ok}}]",
        "health_checks[0].http.body: a response to HEAD has none; want method: GET"}});
}

TEST(HealthCheckTest, BytesOfATcpCheckAreTextOrHexadecimal) {
  ExpectRowsOf("health_checks",
               {{"[{tcp: {send: \"PING\\r\\n\", receive: 'hex:2b 50'}}]", ""},
                {"[{tcp: {send: 'hex:5'}}]",
                 "health_checks[0].tcp.send: not hexadecimal, got \"hex:5\"; want hex: and two "
                 "digits for each byte"}});
}

TEST(OutlierDetectionTest, HasBounds) {
  ExpectRowsOf(
      "outlier_detection",
      {{"{}", ""},
       {"{consecutive_5xx: 0, consecutive_gateway_failures: 10000, split_local_origin_errors: "
        "true, consecutive_local_origin_failures: 1, interval: 100ms, base_ejection_time: 1h, "
        "max_ejection_time: 24h, max_ejection_percent: 100, uneject_on_check: false, "
        "success_rate: {enforce: false, minimum_hosts: 1, request_volume: 1, stdev_factor: 1}, "
        "failure_percentage: {threshold: 100, minimum_hosts: 4096, request_volume: 1}}",
        ""},
       {"{consecutive_5xx: 10001}",
        "outlier_detection.consecutive_5xx: out of range, got 10001; want 0 to 10000"},
       {"{consecutive_local_origin_failures: 5}",
        "outlier_detection.consecutive_local_origin_failures: has no effect: they are not counted "
        "apart; want split_local_origin_errors: true"},
       {"{interval: 99ms}", "outlier_detection.interval: out of range, got 99ms; want 100ms to 1h"},
       {"{base_ejection_time: 10s, max_ejection_time: 9s}",
        "outlier_detection.max_ejection_time: out of range, got 9s; want 10s to 24h"},
       {"{max_ejection_percent: 101}",
        "outlier_detection.max_ejection_percent: out of range, got 101; want 0 to 100"},
       {"{success_rate: {stdev_factor: 0}}",
        "outlier_detection.success_rate.stdev_factor: out of range, got 0; want 1 to 100000"},
       {"{failure_percentage: {threshold: 0}}",
        "outlier_detection.failure_percentage.threshold: out of range, got 0; want 1 to 100"}});
}

}  // namespace
}  // namespace sluice::validate
