#include "proxy/exchange/attempt.h"

#include <utility>

namespace sluice::exchange {

using http::ResetReason;
using observe::UpstreamMetric;

Attempt::Attempt(Owner& owner, Worker& worker, upstream::Cluster& cluster, uint32_t endpoint)
    : owner_(owner),
      worker_(worker),
      cluster_(&cluster),
      endpoints_(cluster.shared_endpoints()),
      endpoint_(endpoint),
      pool_(cluster.PoolOf(endpoint)),
      active_(cluster.balancer().OnStart(endpoint)),
      started_ns_(worker.io.loop.now_ns()) {
  worker_.metrics.Add(cluster.settings().metrics, UpstreamMetric::kRequestsActive);
  worker_.metrics.Add(this->endpoint().metrics, observe::EndpointMetric::kRequests);
  worker_.metrics.Add(this->endpoint().metrics, observe::EndpointMetric::kRequestsActive);
}

Attempt::~Attempt() {
  if (stream_ != nullptr) stream_->Reset(ResetReason::kLocalReset);
  const auto group = cluster_->settings().metrics;
  worker_.metrics.Subtract(group, UpstreamMetric::kRequestsActive);
  worker_.metrics.Add(group, UpstreamMetric::kRequests, observe::CodeClassOf(response_status_));
  worker_.metrics.Subtract(endpoint().metrics, observe::EndpointMetric::kRequestsActive);
}

bool Attempt::Start(bool fresh) {
  stream_ = pool_.Acquire(*this, *this, fresh);
  if (stream_ != nullptr) was_reused_ = stream_->is_reused();
  return stream_ != nullptr;
}

void Attempt::OnStream(http::ClientStream& stream) {
  stream_ = &stream;
  was_reused_ = stream.is_reused();
  owner_.OnAttemptReady();
}

void Attempt::OnConnectFailed(ResetReason reason) {
  using observe::ConnectFailure;
  const ConnectFailure failure = reason == ResetReason::kConnectTimeout ? ConnectFailure::kTimeout
                                 : reason == ResetReason::kOverload     ? ConnectFailure::kOther
                                                                        : ConnectFailure::kRefused;
  worker_.metrics.Add(cluster_->settings().metrics, UpstreamMetric::kConnectFailures, failure);
  Failed(reason);
}

void Attempt::OnInformational(http::ResponseHead& head) { owner_.OnAttemptInformational(head); }

void Attempt::OnHead(http::ResponseHead& head, bool end) {
  response_status_ = head.status;
  first_byte_ns_ = worker_.io.loop.now_ns();
  worker_.metrics.Record(cluster_->settings().metrics, UpstreamMetric::kResponseDuration,
                         first_byte_ns_ - started_ns_);
  active_.OnEnd(first_byte_ns_ - started_ns_, first_byte_ns_);
  if (end) LetGo();
  owner_.OnAttemptHead(head, end);
}

void Attempt::OnBody(net::Buffer&& body) { owner_.OnAttemptBody(std::move(body)); }

// The response is complete: the stream is its codec's again.
void Attempt::LetGo() {
  is_complete_ = true;
  std::exchange(stream_, nullptr)->Reset(ResetReason::kNone);
}

void Attempt::OnEnd(const http::HeaderMap* trailers) {
  LetGo();
  owner_.OnAttemptEnd(trailers);
}

void Attempt::OnReset(ResetReason reason) {
  // The stream is still there to be asked, for the last time.
  has_sent_ = stream_->has_sent_bytes();
  stream_ = nullptr;
  worker_.metrics.Add(
      cluster_->settings().metrics, UpstreamMetric::kResets,
      has_response() ? observe::ResetStage::kAfterResponse : observe::ResetStage::kBeforeResponse);
  Failed(reason);
}

void Attempt::Failed(ResetReason reason) {
  // What we had no descriptor for says nothing about the endpoint.
  if (!has_response() && reason != ResetReason::kOverload) {
    worker_.metrics.Add(endpoint().metrics, observe::EndpointMetric::kFailures);
    active_.OnFailure(worker_.io.loop.now_ns());
  }
  owner_.OnAttemptReset(reason);
}

}  // namespace sluice::exchange
