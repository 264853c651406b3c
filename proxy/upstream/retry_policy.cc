#include "proxy/upstream/retry_policy.h"

#include <algorithm>

namespace sluice::upstream {

bool RetryPolicy::HasStatus(int status) const {
  if (Has(RetryOn::k5xx) && status >= 500 && status < 600) return true;
  if (Has(RetryOn::kGatewayError) && status >= 502 && status <= 504) return true;
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

bool RetryPolicy::HasGrpcStatus(int status) const {
  switch (status) {
    case 1:
      return Has(RetryOn::kGrpcCancelled);
    case 4:
      return Has(RetryOn::kGrpcDeadlineExceeded);
    case 8:
      return Has(RetryOn::kGrpcResourceExhausted);
    case 13:
      return Has(RetryOn::kGrpcInternal);
    case 14:
      return Has(RetryOn::kGrpcUnavailable);
    default:
      return false;
  }
}

uint32_t RetryPolicy::Budget(uint32_t requests) const {
  const uint64_t share = uint64_t{requests} * budget_percent / 100;
  return static_cast<uint32_t>(std::max<uint64_t>(share, min_retries));
}

int64_t RetryPolicy::MaxBackOffNs(uint32_t retry) const {
  const uint32_t doublings = std::min<uint32_t>(retry, 20);
  return std::min(back_off_max_ns, ((int64_t{1} << doublings) - 1) * back_off_base_ns);
}

}  // namespace sluice::upstream
