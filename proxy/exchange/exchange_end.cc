// Replies of our own and ends of all kinds.

#include "proxy/exchange/exchange.h"

#include <utility>

#include "proxy/http/grpc/reply.h"
#include "proxy/http/reply.h"

namespace sluice::exchange {

using http::BodySize;
using http::HeaderId;
using http::Method;
using http::ResetReason;
using observe::ResponseFlag;

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
    plugins::LocalReply reply;
    reply.status = error->status;
    reply.details = error->details;
    const observe::Reason* known = observe::FindReason(error->details);
    return ReplyLocal(reply, known == nullptr ? "http_request_error" : known->proxy_error);
  }
  const bool is_shed = reason == ResetReason::kOverload;
  summary_.details = is_shed ? "overload" : "downstream_disconnected";
  summary_.flags.Add(is_shed ? ResponseFlag::kOverload : ResponseFlag::kClientDisconnected);
  if (is_shed) worker_.metrics.CountLocalReply(worker_.workers_group, summary_.details);
  DropAttempts();
  Record();
}

size_t Exchange::held_bytes() const {
  size_t bytes = block_->capacity + body_.size() + held_.size() + response_held_.size();
  for (const Attempt* attempt = attempts_.first(); attempt != nullptr;
       attempt = AttemptList::Next(*attempt)) {
    if (attempt->stream() != nullptr) bytes += attempt->stream()->held_bytes();
  }
  return bytes;
}

void Exchange::ReplyLocal(const plugins::LocalReply& reply, absl::string_view proxy_error) {
  const plugins::LocalReply copy = reply;
  pending_reply_.reset();
  plugin_timer_ = {};
  if (stage_ == Stage::kResponding) return AbortResponse(copy.details);
  request_stop_ = response_stop_ = Hook::kNone;
  DropAttempts();
  // Nobody will be sent it any more.
  body_.Clear();
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
  // Soon enough: the clients that it asks to wait come at different times anyway.
  const bool is_overload = absl::string_view(copy.details) == "overload";
  if (is_overload) response_.headers.Set(HeaderId::kRetryAfter, "1");
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

void Exchange::DropAttempts() {
  attempts_.Clear();
  winner_ = nullptr;
  held_head_ = nullptr;
  held_by_ = nullptr;
  retry_at_ns_ = 0;
  retry_permit_.Give();
  wait_permit_.Give();
}

void Exchange::AbortResponse(absl::string_view details) {
  if (stage_ != Stage::kResponding) return ReplyWithReason("upstream_reset_before_response");
  summary_.details = details;
  // Details of plugins have no flags.
  if (const observe::Reason* reason = observe::FindReason(details)) {
    summary_.flags.Add(reason->flags);
  }
  DropAttempts();
  client_.Reset(ResetReason::kLocalReset);
  Record();
}

void Exchange::Finish() {
  if (stage_ == Stage::kDone) return;
  // An answer that came before the request was complete: the upstream's connection goes, unless its
  // codec has ended the stream already.
  DropAttempts();
  client_.Release();
  Record();
}

void Exchange::Record() {
  stage_ = Stage::kDone;
  timer_.Cancel();
  mirrors_.Close();
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
    if (route_cells_.is_empty()) route_cells_ = worker_.metrics.CellsOf(route_->metrics);
    route_cells_.Add(RouteMetric::kRequests, code);
    route_cells_.Record(RouteMetric::kRequestDuration, duration);
    route_cells_.Add(RouteMetric::kReceivedBytes, summary_.received_bytes);
    route_cells_.Add(RouteMetric::kSentBytes, summary_.sent_bytes);
  }
  chain_.RunLog(*this);
  if (listener_.access_log != nullptr) WriteLog();
  worker_.io.loop.DeleteLater(std::unique_ptr<Exchange>(this));
}

}  // namespace sluice::exchange
