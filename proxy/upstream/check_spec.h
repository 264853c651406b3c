// What an endpoint is asked again and again, as HealthCheck has it. Who asks: health/checker.h.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sluice::upstream {

struct CheckSpec {
  enum class Kind : uint8_t { kHttp, kTcp, kGrpc };
  // Of statuses: both ends included.
  using Range = std::pair<uint16_t, uint16_t>;

  Kind kind = Kind::kHttp;
  int64_t interval_ns = 5'000'000'000;
  int64_t unhealthy_interval_ns = 5'000'000'000;
  int64_t no_traffic_interval_ns = 5'000'000'000;
  int64_t timeout_ns = 2'000'000'000;
  uint32_t unhealthy_threshold = 3;
  uint32_t healthy_threshold = 2;
  uint32_t jitter_percent = 10;
  bool keeps_connection = true;
  uint16_t port = 0;  // 0: the endpoint's.

  std::string host;  // Of kHttp and kGrpc; empty: the upstream's or the endpoint's.
  // Of kHttp.
  std::string method = "GET";
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<Range> expected = {{200, 200}};
  std::vector<Range> retriable;
  std::string body;  // To be found; empty: anything.
  // Of kTcp: bytes.
  std::string send;
  std::string receive;
  std::string service;  // Of kGrpc.

  friend bool operator==(const CheckSpec&, const CheckSpec&) = default;

  static bool IsIn(const std::vector<Range>& ranges, int status) {
    for (const auto& [first, last] : ranges) {
      if (status >= first && status <= last) return true;
    }
    return false;
  }
};

}  // namespace sluice::upstream
