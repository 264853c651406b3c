// When a request that failed is sent again, and how: `retry` of a Route or an Upstream.
//
// Thread: any; immutable once it is part of a configuration.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::upstream {

// What an attempt may have failed of.
enum class RetryOn : uint8_t {
  kConnectFailure,
  kRefusedStream,
  kReset,    // Also a response that is not valid.
  kTimeout,  // per_try_timeout.
  k5xx,
  kGatewayError,
  kGrpcCancelled,
  kGrpcDeadlineExceeded,
  kGrpcInternal,
  kGrpcResourceExhausted,
  kGrpcUnavailable,
};

struct RetryPolicy {
  uint32_t attempts = 2;           // In all.
  uint32_t conditions = 0;         // A bit for each RetryOn.
  std::vector<uint16_t> statuses;  // Beyond those of the conditions.
  int64_t per_try_timeout_ns = 0;  // 0: none.
  uint32_t budget_percent = 20;
  uint32_t min_retries = 3;
  int64_t back_off_base_ns = 25'000'000;
  int64_t back_off_max_ns = 250'000'000;
  bool non_idempotent = false;
  bool hedge = false;

  void Add(RetryOn on) { conditions |= 1u << static_cast<unsigned>(on); }
  bool Has(RetryOn on) const { return (conditions >> static_cast<unsigned>(on) & 1u) != 0; }
  bool has_grpc() const {
    return conditions >> static_cast<unsigned>(RetryOn::kGrpcCancelled) != 0;
  }
  bool HasStatus(int status) const;
  bool HasGrpcStatus(int status) const;

  // How many retries may be under way beside `requests` requests.
  uint32_t Budget(uint32_t requests) const;
  // The longest wait before the n-th retry, from 1: it doubles each time. What is waited is drawn
  // between 0 and this ("full jitter"), so that those who failed together do not come back
  // together.
  int64_t MaxBackOffNs(uint32_t retry) const;
};

}  // namespace sluice::upstream
