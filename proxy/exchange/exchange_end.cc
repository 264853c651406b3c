// Replies of our own, ends of all kinds, and time.

#include "proxy/exchange/exchange.h"

#include <algorithm>
#include <utility>

#include "proxy/http/grpc/reply.h"
#include "proxy/http/reply.h"

namespace sluice::exchange {

using http::BodySize;
using http::HeaderId;
using http::Method;
using http::ResetReason;
using observe::ResponseFlag;

namespace {

constexpr absl::string_view kGrpcDeadline = "grpc_deadline_exceeded";

}  // namespace

// --- Local replies and ends ----------------------------------------------------------------------

void Exchange::ReplyWithReason(absl::string_view details) {
  if (stage_ == Stage::kResponding) return AbortResponse(details);
  const observe::Reason& reason = *observe::FindReason(details);
  plugins::LocalReply reply;
  reply.status = reason.status;
  reply.details = reason.details;
  ReplyLocal(reply, reason.proxy_error);
}

void Exchange::OnClientReset(ResetReason reason, const http::LocalError* error) {
  request_ended_ = true;
  if (error != nullptr && stage_ != Stage::kResponding && stage_ != Stage::kDone) {
    return ReplyWithReason(error->details);
  }
  const bool is_shed = reason == ResetReason::kOverload;
  summary_.details = is_shed ? "overload" : "downstream_disconnected";
  summary_.flags.Add(is_shed ? ResponseFlag::kOverload : ResponseFlag::kClientDisconnected);
  if (is_shed) worker_.metrics.CountLocalReply(worker_.workers_group, summary_.details);
  attempt_.reset();
  Record();
}

size_t Exchange::held_bytes() const {
  const http::ClientStream* stream = attempt_ ? attempt_->stream() : nullptr;
  return block_->capacity + body_.size() + held_.size() + response_held_.size() +
         (stream == nullptr ? 0 : stream->held_bytes());
}

void Exchange::ReplyLocal(const plugins::LocalReply& reply, absl::string_view proxy_error) {
  const plugins::LocalReply copy = reply;
  pending_reply_.reset();
  plugin_timer_ = {};
  if (stage_ == Stage::kResponding) return AbortResponse(copy.details);
  request_stop_ = response_stop_ = Hook::kNone;
  attempt_.reset();
  // Nobody will be sent it any more.
  body_.Clear();
  body_sent_ = 0;
  held_.Clear();
  is_local_ = true;
  response_ended_ = true;
  summary_.details = copy.details;
  if (const observe::Reason* reason = observe::FindReason(copy.details)) {
    summary_.flags.Add(reason->flags);
  }
  worker_.metrics.CountLocalReply(worker_.workers_group, copy.details);
  response_held_.Clear();
  response_trailers_ = nullptr;
  response_.status = copy.status;
  response_.headers.Set(HeaderId::kDate, worker_.HttpDate());
  if (!proxy_error.empty()) {
    response_.headers.Set(HeaderId::kProxyStatus,
                          http::MakeProxyStatus(arena_, proxy_error, copy.details));
  }
  if (!answers_in_http_ && http::grpc::IsGrpc(request_.headers.Get(HeaderId::kContentType))) {
    // A gRPC client reads its status where its protocol has it, and no body.
    http::grpc::MakeTrailersOnly(copy.body.empty() ? absl::string_view(copy.details) : copy.body,
                                 copy.details == kGrpcDeadline, response_);
  } else {
    SetReplyBody(copy);
  }
  stage_ = Stage::kHolding;
  RunResponseHead();
}

void Exchange::SetReplyBody(const plugins::LocalReply& reply) {
  const http::ReplyBody body =
      !reply.body.empty() || reply.no_body
          ? http::ReplyBody{reply.body, reply.content_type}
          : http::MakeReplyBody(arena_, request_.headers.Get(HeaderId::kAccept), reply.status,
                                reply.details, request_id_);
  if (http::ResponseHasNoBody(Method::kGet, reply.status)) {
    response_.body = BodySize::None();
    return;
  }
  response_.body = BodySize::Length(body.text.size());
  if (!body.text.empty()) response_.headers.Set(HeaderId::kContentType, body.content_type);
  if (!http::ResponseHasNoBody(request_.method_id, reply.status)) {
    response_held_.AppendCopy(worker_.io.pool, body.text);
  }
}

void Exchange::AbortResponse(absl::string_view details) {
  if (stage_ != Stage::kResponding) return ReplyWithReason("upstream_reset_before_response");
  summary_.details = details;
  // Details of plugins have no flags.
  if (const observe::Reason* reason = observe::FindReason(details)) {
    summary_.flags.Add(reason->flags);
  }
  attempt_.reset();
  client_.Reset(ResetReason::kLocalReset);
  Record();
}

void Exchange::Finish() {
  if (stage_ == Stage::kDone) return;
  // An answer that came before the request was complete: the upstream's connection goes, unless its
  // codec has ended the stream already.
  attempt_.reset();
  client_.Release();
  Record();
}

void Exchange::Record() {
  stage_ = Stage::kDone;
  timer_.Cancel();
  summary_.end_ns = worker_.io.loop.now_ns();
  const int64_t duration = summary_.end_ns - summary_.start_ns;
  const observe::CodeClass code = observe::CodeClassOf(has_sent_status_ ? response_.status : 0);
  using observe::ListenerMetric;
  using observe::RouteMetric;
  worker_.metrics.Add(listener_.metrics, ListenerMetric::kRequests, code);
  worker_.metrics.Record(listener_.metrics, ListenerMetric::kRequestDuration, duration);
  worker_.metrics.Add(listener_.metrics, ListenerMetric::kReceivedBytes, summary_.received_bytes);
  worker_.metrics.Add(listener_.metrics, ListenerMetric::kSentBytes, summary_.sent_bytes);
  if (route_ != nullptr) {
    worker_.metrics.Add(route_->metrics, RouteMetric::kRequests, code);
    worker_.metrics.Record(route_->metrics, RouteMetric::kRequestDuration, duration);
    worker_.metrics.Add(route_->metrics, RouteMetric::kReceivedBytes, summary_.received_bytes);
    worker_.metrics.Add(route_->metrics, RouteMetric::kSentBytes, summary_.sent_bytes);
  }
  chain_.RunLog(*this);
  if (listener_.access_log != nullptr) WriteLog();
  worker_.io.loop.DeleteLater(std::unique_ptr<Exchange>(this));
}

// --- Time ----------------------------------------------------------------------------------------

// How long a gRPC caller waits, from the head of its request to the end of the response. The server
// is told, too, and may be faster to notice; the route's own timeouts hold besides.
void Exchange::NoteGrpcDeadline() {
  if (!http::grpc::IsGrpc(request_.headers.Get(HeaderId::kContentType))) return;
  const auto timeout = http::grpc::ParseTimeout(request_.headers.Get("grpc-timeout"));
  if (timeout) grpc_deadline_ns_ = summary_.start_ns + *timeout;
}

void Exchange::ArmTimer() {
  if (stage_ == Stage::kDone) return;
  // While a plugin waits for its time, standing still is what it wants.
  if (plugin_timer_.then != nullptr) return timer_.SetAt(plugin_timer_.at_ns);
  if (route_ == nullptr) return;
  int64_t deadline = grpc_deadline_ns_;
  if (route_->total_timeout_ns > 0) {
    deadline = std::min(deadline, summary_.start_ns + route_->total_timeout_ns);
  }
  const bool awaits_response = request_passed_ && stage_ == Stage::kUpstream;
  if (awaits_response && route_->timeout_ns > 0) {
    deadline = std::min(deadline, summary_.request_end_ns + route_->timeout_ns);
  }
  if (!awaits_response && route_->idle_timeout_ns > 0) {
    deadline =
        std::min(deadline, std::max(last_move_ns_, summary_.start_ns) + route_->idle_timeout_ns);
  }
  if (deadline != INT64_MAX) timer_.SetAt(deadline);
}

void Exchange::OnTimer() {
  const int64_t now = worker_.io.loop.now_ns();
  if (plugin_timer_.then != nullptr) {
    if (now < plugin_timer_.at_ns) return ArmTimer();
    const PluginTimer timer = std::exchange(plugin_timer_, {});
    Touch();
    timer.then(timer.state, *this);
    return ArmTimer();
  }
  // Set for a global rule's plugin, and no more.
  if (route_ == nullptr) return;
  if (now >= grpc_deadline_ns_) return ReplyWithReason(kGrpcDeadline);
  if (route_->total_timeout_ns > 0 && now >= summary_.start_ns + route_->total_timeout_ns) {
    return stage_ == Stage::kResponding ? AbortResponse("total_timeout")
                                        : ReplyWithReason("total_timeout");
  }
  const bool awaits_response = request_passed_ && stage_ == Stage::kUpstream;
  if (awaits_response) {
    if (route_->timeout_ns > 0 && now >= summary_.request_end_ns + route_->timeout_ns) {
      worker_.metrics.Add(worker_.clusters[route_->cluster_slot]->settings().metrics,
                          observe::UpstreamMetric::kTimeouts);
      return ReplyWithReason("response_timeout");
    }
  } else if (route_->idle_timeout_ns > 0 &&
             now >= std::max(last_move_ns_, summary_.start_ns) + route_->idle_timeout_ns) {
    if (stage_ == Stage::kResponding) return AbortResponse("body_idle_timeout");
    return ReplyWithReason(request_ended_ || is_client_paused_ ? "body_idle_timeout"
                                                               : "request_body_idle_timeout");
  }
  ArmTimer();
}

}  // namespace sluice::exchange
