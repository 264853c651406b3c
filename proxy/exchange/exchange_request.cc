// The request's body, and the attempts that carry the request to an upstream.

#include "proxy/exchange/exchange.h"

#include <algorithm>
#include <utility>

#include "proxy/http/fields.h"
#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::exchange {

using http::BodySize;
using http::ResetReason;
using plugins::Action;
using plugins::BodyMode;

namespace {

constexpr uint64_t kMaxReplayBytes = 64 * 1024;
constexpr int kMaxAttempts = 3;

}  // namespace

// --- Request body --------------------------------------------------------------------------------

void Exchange::OnRequestBody(net::Buffer&& body) {
  Touch();
  summary_.received_bytes += body.size();
  if (summary_.received_bytes > max_body_bytes_) {
    return ReplyWithReason("request_body_too_large");
  }
  held_.Append(std::move(body));
  if (request_stop_ != Hook::kNone || stage_ == Stage::kHead) return PauseClient();
  PassRequestBody();
}

// Takes what is in held_ through the plugins.
void Exchange::PassRequestBody() {
  if (held_.empty()) return;
  const BodyMode mode = RequestMode();
  if (mode.kind == BodyMode::Kind::kWhole) {
    if (held_.size() > mode.max_bytes) ReplyWithReason("request_body_too_large");
    return;  // Goes on when it is all there.
  }
  if (mode.kind == BodyMode::Kind::kStream) {
    is_in_hook_ = true;
    const Action action = chain_.RunRequestBody(held_, false, *this);
    is_in_hook_ = false;
    if (pending_reply_) return ReplyLocal(*pending_reply_, {});
    if (action == Action::kStop) {
      request_stop_ = Hook::kRequestBody;
      return PauseClient();
    }
  }
  QueueRequestBody(std::move(held_));
}

void Exchange::OnRequestEnd(const http::HeaderMap* trailers) {
  Touch();
  request_ended_ = true;
  summary_.request_end_ns = worker_.io.loop.now_ns();
  if (trailers != nullptr && trailers->count() > 0) {
    auto* copy = new (arena_.Allocate(sizeof(http::HeaderMap), alignof(http::HeaderMap)))
        http::HeaderMap(arena_);
    trailers->ForEach(
        [copy](const http::HeaderMap::Entry& e) { copy->Add(e.id, e.name(), e.value()); });
    request_trailers_ = copy;
  }
  if (request_stop_ != Hook::kNone || stage_ == Stage::kHead) return;
  PassRequestEnd();
}

// The client's body is complete, and what came before has passed.
void Exchange::PassRequestEnd() {
  const BodyMode mode = RequestMode();
  if (request_stop_ != Hook::kRequestTrailers) {
    if (mode.kind == BodyMode::Kind::kWhole || mode.kind == BodyMode::Kind::kStream) {
      if (mode.kind == BodyMode::Kind::kWhole && held_.size() > mode.max_bytes) {
        return ReplyWithReason("request_body_too_large");
      }
      is_in_hook_ = true;
      const Action action = chain_.RunRequestBody(held_, true, *this);
      is_in_hook_ = false;
      if (pending_reply_) return ReplyLocal(*pending_reply_, {});
      if (action == Action::kStop) {
        request_stop_ = Hook::kRequestBody;
        return;
      }
    }
    request_stop_ = Hook::kNone;
  }
  if (request_trailers_ != nullptr && chain_.has_request_trailers()) {
    is_in_hook_ = true;
    const Action action =
        chain_.RunRequestTrailers(const_cast<http::HeaderMap&>(*request_trailers_), *this);
    is_in_hook_ = false;
    if (pending_reply_) return ReplyLocal(*pending_reply_, {});
    if (action == Action::kStop) {
      request_stop_ = Hook::kRequestTrailers;
      return;
    }
    request_stop_ = Hook::kNone;
  }
  request_passed_ = true;
  const bool was_collected = stage_ == Stage::kCollecting;
  if (was_collected) {
    request_.body = BodySize::Length(held_.size());
    stage_ = Stage::kUpstream;
  }
  QueueRequestBody(std::move(held_));
  if (was_collected) StartAttempt(/*fresh=*/false);
}

void Exchange::QueueRequestBody(net::Buffer&& body) {
  body_.Append(std::move(body));
  if (stage_ == Stage::kUpstream || stage_ == Stage::kHolding || stage_ == Stage::kResponding) {
    PumpRequestBody();
  }
}

void Exchange::PumpRequestBody() {
  http::ClientStream* stream = attempt_ ? attempt_->stream() : nullptr;
  if (request_end_sent_) return;
  if (stream == nullptr || !request_head_sent_) {
    if (body_.size() >= kMaxReplayBytes) PauseClient();
    return;
  }
  // What was answered is not sent again.
  if (body_.size() > kMaxReplayBytes || attempt_->has_response()) is_replayable_ = false;
  if (stream->is_send_blocked()) return PauseClient();
  const bool end = request_passed_;
  const uint64_t unsent = body_.size() - body_sent_;
  if (unsent > 0) {
    net::Buffer piece;
    if (is_replayable_) {
      piece.AppendShared(body_, body_sent_, unsent);
      body_sent_ = body_.size();
    } else {
      body_.Drain(body_sent_);
      body_sent_ = 0;
      piece = std::move(body_);
      body_ = net::Buffer();
    }
    Touch();
    stream->SendBody(std::move(piece), end && request_trailers_ == nullptr);
  }
  if (end && (unsent == 0 || request_trailers_ != nullptr)) stream->SendEnd(request_trailers_);
  request_end_sent_ = end;
  if (end) return ArmTimer();
  if (stream->is_send_blocked()) {
    PauseClient();
  } else {
    ResumeClient();
  }
}

void Exchange::PauseClient() {
  if (is_client_paused_ || request_ended_) return;
  is_client_paused_ = true;
  client_.PauseBody();
}

void Exchange::ResumeClient() {
  if (!is_client_paused_) return;
  is_client_paused_ = false;
  client_.ResumeBody();
}

// --- Attempts ------------------------------------------------------------------------------------

std::optional<uint64_t> Exchange::RequestHash(const upstream::Cluster& cluster) const {
  const upstream::Settings& settings = cluster.settings();
  if (settings.policy == upstream::Policy::kIpHash) {
    const auto& bytes = client_ip_.bytes();
    return upstream::StableHash(
        absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  absl::string_view value;
  switch (settings.hash_on.kind) {
    case upstream::HashOn::Kind::kNone:
      return std::nullopt;
    case upstream::HashOn::Kind::kHeader:
      value = request_.headers.Get(settings.hash_on.name);
      break;
    case upstream::HashOn::Kind::kCookie:
      value = http::FindCookie(request_.headers, settings.hash_on.name);
      break;
    case upstream::HashOn::Kind::kQuery:
      value = http::FindQueryParameter(request_.query.value_or(""), settings.hash_on.name);
      break;
    case upstream::HashOn::Kind::kPath:
      value = original_path_;
      break;
    case upstream::HashOn::Kind::kClientIp: {
      const auto& bytes = client_ip_.bytes();
      value = absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      break;
    }
  }
  if (value.empty()) return std::nullopt;
  return upstream::StableHash(value);
}

std::optional<uint32_t> Exchange::PickEndpoint(upstream::Cluster& cluster) {
  struct Tried {
    upstream::Cluster& cluster;
    const upstream::Pool* const (&pools)[3];
  } tried{cluster, tried_};
  upstream::PickRequest request;
  request.now_ns = worker_.io.loop.now_ns();
  request.hash = RequestHash(cluster);
  if (tried_[0] != nullptr) {
    request.context = &tried;
    request.is_excluded = [](const void* context, uint32_t endpoint) {
      const auto& tried = *static_cast<const Tried*>(context);
      const upstream::Pool* pool = &tried.cluster.PoolOf(endpoint);
      return std::find(std::begin(tried.pools), std::end(tried.pools), pool) !=
             std::end(tried.pools);
    };
  }
  return cluster.balancer().Pick(request);
}

void Exchange::StartAttempt(bool fresh) {
  upstream::Cluster* cluster = route_->cluster_slot < worker_.clusters.size()
                                   ? worker_.clusters[route_->cluster_slot].get()
                                   : nullptr;
  if (cluster == nullptr) return ReplyWithReason("no_endpoints");
  const std::optional<uint32_t> endpoint = PickEndpoint(*cluster);
  if (!endpoint) {
    return ReplyWithReason(tried_[0] != nullptr                 ? "no_healthy_upstream"
                           : cluster->endpoints().is_unresolved ? "upstream_dns_failure"
                                                                : "no_endpoints");
  }
  if (summary_.attempts++ > 0) {
    worker_.metrics.Add(cluster->settings().metrics, observe::UpstreamMetric::kRetries);
  }
  request_head_sent_ = request_end_sent_ = false;
  body_sent_ = 0;
  attempt_.emplace(static_cast<Attempt::Owner&>(*this), worker_, *cluster, *endpoint);
  summary_.endpoint = arena_.Copy(attempt_->endpoint().name);
  ArmTimer();
  if (attempt_->Start(fresh)) SendRequestHead();
}

void Exchange::OnAttemptReady() { SendRequestHead(); }

void Exchange::SendRequestHead() {
  const upstream::Settings& settings = worker_.clusters[route_->cluster_slot]->settings();
  const absl::string_view client_authority = request_.authority;
  if (!upstream_host_.empty()) {
    request_.authority = upstream_host_;
  } else if (settings.host_mode == upstream::HostMode::kEndpoint) {
    request_.authority = attempt_->endpoint().name;
  } else if (settings.host_mode == upstream::HostMode::kLiteral) {
    request_.authority = settings.host;
  } else if (request_.authority.empty()) {
    // An HTTP/1.0 request without Host.
    request_.authority = attempt_->endpoint().name;
  }
  request_head_sent_ = true;
  // They are wanted when the response is there.
  worker_.metrics.PrefetchCells(route_->metrics);
  attempt_->MarkStarted();
  const bool end = request_passed_ && body_.empty() && request_trailers_ == nullptr;
  request_end_sent_ = end;
  attempt_->stream()->SendHead(request_, end);
  request_.authority = client_authority;
  if (!end) PumpRequestBody();
}

void Exchange::OnAttemptSendRoom() { PumpRequestBody(); }

// A failed attempt is repeated where that cannot do harm: nothing of the request left this machine,
// or the connection had been used before, died before a byte of response, and the request is
// idempotent (RFC 9110 section 9.2.2). Its body must still be here.
bool Exchange::RetryIfSafe(ResetReason reason) {
  if (attempt_->has_response() || !is_replayable_ || summary_.attempts >= kMaxAttempts) {
    return false;
  }
  const bool failed_to_connect =
      reason == ResetReason::kConnectFailed || reason == ResetReason::kConnectTimeout;
  const bool was_not_processed =
      failed_to_connect || reason == ResetReason::kPeerRefused ||
      (reason == ResetReason::kPeerClosed && !attempt_->has_sent_bytes());
  const bool was_stale = reason == ResetReason::kPeerClosed && attempt_->was_reused() &&
                         http::IsIdempotent(request_.method_id);
  if (!was_not_processed && !was_stale) return false;
  // A stale connection says nothing about its endpoint; a refused one does.
  if (failed_to_connect) tried_[summary_.attempts - 1] = &attempt_->pool();
  upstream::Cluster& cluster = *worker_.clusters[route_->cluster_slot].get();
  if (failed_to_connect && !PickEndpoint(cluster)) return false;
  StartAttempt(/*fresh=*/!failed_to_connect);
  return true;
}

void Exchange::OnAttemptReset(ResetReason reason) {
  if (stage_ == Stage::kDone) return;
  if (RetryIfSafe(reason)) return;
  if (attempt_->has_response()) {
    return AbortResponse(reason == ResetReason::kProtocolError ? "upstream_protocol_error"
                                                               : "upstream_reset_after_response");
  }
  switch (reason) {
    case ResetReason::kConnectFailed:
      return ReplyWithReason("upstream_connect_refused");
    case ResetReason::kConnectTimeout:
      return ReplyWithReason("upstream_connect_timeout");
    case ResetReason::kProtocolError:
      return ReplyWithReason("upstream_protocol_error");
    case ResetReason::kOverload:
      return ReplyWithReason("overload");
    default:
      return ReplyWithReason("upstream_reset_before_response");
  }
}

}  // namespace sluice::exchange
