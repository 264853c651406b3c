// What one worker knows about the load and the latency of one endpoint.
//
// Thread: its worker's, for everything here.
#pragma once

#include <cstdint>
#include <utility>

namespace sluice::upstream {

class EndpointLoad {
 public:
  uint32_t active() const { return active_; }

  // Peak-sensitive moving average: a slower response counts at once, faster ones win it back with
  // a time constant of 10 s; so does silence, so that a slow endpoint is tried again.
  // Nanoseconds; 0 before the first response.
  double LatencyNs(int64_t now_ns) const;

 private:
  friend class ActiveRequest;
  friend class EndpointLoads;

  void Record(int64_t latency_ns, int64_t now_ns);

  uint32_t active_ = 0;
  bool listed_ = true;     // In EndpointLoads. If not, the last request that ends deletes it.
  double latency_ns_ = 0;  // As of `recorded_at_ns_`.
  int64_t recorded_at_ns_ = 0;
};

// One request counts as active on its endpoint while this lives. It may outlive the table and the
// balancer.
class ActiveRequest {
 public:
  ActiveRequest() = default;
  ActiveRequest(ActiveRequest&& other) noexcept : load_(std::exchange(other.load_, nullptr)) {}
  ActiveRequest& operator=(ActiveRequest&& other) noexcept {
    std::swap(load_, other.load_);
    return *this;
  }
  // Without a word on how it ended: the client went away, or another attempt was faster.
  ~ActiveRequest() { Release(); }

  // The response began `latency_ns` after the request was sent.
  void OnEnd(int64_t latency_ns, int64_t now_ns);

  // The endpoint refused, reset or did not answer. Counts as a very slow response: an endpoint
  // that fails fast must not look like the quickest of all.
  void OnFailure(int64_t now_ns);

 private:
  friend class EndpointLoads;
  explicit ActiveRequest(EndpointLoad* load) : load_(load) { ++load_->active_; }

  void Release();

  EndpointLoad* load_ = nullptr;  // Null for policies that do not count.
};

}  // namespace sluice::upstream
