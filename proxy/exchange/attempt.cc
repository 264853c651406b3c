#include "proxy/exchange/attempt.h"

#include <utility>

#include "proxy/http/grpc/status.h"
#include "proxy/upstream/outcome_report.h"

namespace sluice::exchange {

using http::ResetReason;
using observe::UpstreamMetric;

namespace {

// What a response says of the endpoint. One of gRPC without a message has its status in the head.
upstream::Outcome OutcomeOf(const http::ResponseHead& head, bool end) {
  if (end && head.status == 200) {
    if (const auto* grpc_status = head.headers.Find("grpc-status")) {
      return upstream::OutcomeOf(http::grpc::ToHttp(grpc_status->value()));
    }
  }
  return upstream::OutcomeOf(head.status);
}

}  // namespace

Attempt::Attempt(Owner& owner, Worker& worker, upstream::Cluster& cluster, uint32_t endpoint,
                 Permits permits)
    : owner_(owner),
      worker_(worker),
      cluster_(&cluster),
      permits_(std::move(permits)),
      endpoint_(cluster.endpoints().endpoints[endpoint]),
      pool_(cluster.PoolOf(endpoint)),
      active_(cluster.balancer().OnStart(endpoint)),
      created_ns_(worker.io.loop.now_ns()),
      started_ns_(created_ns_) {
  cluster.settings().board->NoteTraffic();
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

Attempt::Started Attempt::Start(bool fresh) {
  stream_ = pool_.Acquire(*this, *this, fresh);
  if (stream_ == nullptr) return is_waiting() ? Started::kWaiting : Started::kOverflow;
  was_reused_ = stream_->is_reused();
  return Started::kReady;
}

void Attempt::OnStream(http::ClientStream& stream) {
  stream_ = &stream;
  was_reused_ = stream.is_reused();
  owner_.OnAttemptReady(*this);
}

void Attempt::OnConnectFailed(ResetReason reason) {
  using observe::ConnectFailure;
  const ConnectFailure failure = reason == ResetReason::kConnectTimeout ? ConnectFailure::kTimeout
                                 : reason == ResetReason::kOverload     ? ConnectFailure::kOther
                                 : http::IsTlsFailure(reason)           ? ConnectFailure::kTls
                                                                        : ConnectFailure::kRefused;
  worker_.metrics.Add(cluster_->settings().metrics, UpstreamMetric::kConnectFailures, failure);
  Failed(reason);
}

void Attempt::OnInformational(http::ResponseHead& head) {
  owner_.OnAttemptInformational(head, *this);
}

void Attempt::OnHead(http::ResponseHead& head, bool end) {
  response_status_ = head.status;
  first_byte_ns_ = worker_.io.loop.now_ns();
  worker_.metrics.Record(cluster_->settings().metrics, UpstreamMetric::kResponseDuration,
                         first_byte_ns_ - started_ns_);
  active_.OnEnd(first_byte_ns_ - started_ns_, first_byte_ns_);
  ReportOutcome(OutcomeOf(head, end));
  if (end) LetGo();
  owner_.OnAttemptHead(head, end, *this);
}

void Attempt::OnBody(net::Buffer&& body) { owner_.OnAttemptBody(std::move(body), *this); }

// The response is complete: the stream is its codec's again.
void Attempt::LetGo() {
  is_complete_ = true;
  std::exchange(stream_, nullptr)->Reset(ResetReason::kNone);
}

void Attempt::OnEnd(const http::HeaderMap* trailers) {
  LetGo();
  owner_.OnAttemptEnd(trailers, *this);
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

void Attempt::NoteTimeout() {
  if (has_response() || std::exchange(is_late_, true)) return;
  worker_.metrics.Add(cluster_->settings().metrics, UpstreamMetric::kTimeouts);
  NoteFailure();
}

void Attempt::NoteFailure() {
  worker_.metrics.Add(endpoint().metrics, observe::EndpointMetric::kFailures);
  active_.OnFailure(worker_.io.loop.now_ns());
  ReportOutcome(upstream::Outcome::kNoResponse);
}

void Attempt::ReportOutcome(upstream::Outcome outcome) {
  upstream::ReportOutcome(cluster_->settings(), endpoint(), outcome, worker_.io.loop.now_ns(),
                          worker_.metrics);
}

void Attempt::Failed(ResetReason reason) {
  // What we had no descriptor for says nothing about the endpoint.
  if (!has_response() && !is_late_ && reason != ResetReason::kOverload) NoteFailure();
  owner_.OnAttemptReset(reason, *this);
}

}  // namespace sluice::exchange
