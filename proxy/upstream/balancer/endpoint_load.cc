#include "proxy/upstream/balancer/endpoint_load.h"

#include <algorithm>
#include <cmath>

namespace sluice::upstream {

namespace {

constexpr double kTimeConstantNs = 10e9;
constexpr int64_t kFailureNs = 1'000'000'000;

double Decay(int64_t elapsed_ns) {
  return std::exp(-static_cast<double>(std::max<int64_t>(elapsed_ns, 0)) / kTimeConstantNs);
}

}  // namespace

double EndpointLoad::LatencyNs(int64_t now_ns) const {
  return latency_ns_ * Decay(now_ns - recorded_at_ns_);
}

void EndpointLoad::Record(int64_t latency_ns, int64_t now_ns) {
  // At least 1 ns: 0 means that nothing is known.
  const double sample = static_cast<double>(std::max<int64_t>(latency_ns, 1));
  const double old_share = Decay(now_ns - recorded_at_ns_);
  const bool is_peak = sample > latency_ns_ * old_share;
  latency_ns_ = is_peak ? sample : latency_ns_ * old_share + sample * (1.0 - old_share);
  recorded_at_ns_ = now_ns;
}

void ActiveRequest::OnEnd(int64_t latency_ns, int64_t now_ns) {
  if (load_ != nullptr) load_->Record(latency_ns, now_ns);
  Release();
}

void ActiveRequest::OnFailure(int64_t now_ns) {
  if (load_ != nullptr) load_->Record(kFailureNs, now_ns);
  Release();
}

void ActiveRequest::Release() {
  EndpointLoad* load = std::exchange(load_, nullptr);
  if (load == nullptr) return;
  if (--load->active_ == 0 && !load->listed_) delete load;
}

}  // namespace sluice::upstream
