#include "proxy/exchange/exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "proxy/exchange/forwarded.h"
#include "proxy/http/fields.h"
#include "proxy/http/reply.h"
#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::exchange {

using http::BodySize;
using http::HeaderId;
using http::Method;
using http::ResetReason;
using observe::ResponseFlag;
using plugins::Action;
using plugins::BodyMode;

namespace {

constexpr uint64_t kMaxReplayBytes = 64 * 1024;
constexpr int kMaxAttempts = 3;

}  // namespace

Exchange* Exchange::Create(Worker& worker, ListenerState& listener, http::ServerStream& client) {
  if (worker.io.pool.is_exhausted()) return nullptr;
  net::Block* block = worker.io.pool.Take(net::BlockSize::k4K).release();
  static_assert(sizeof(Exchange) < 2048, "leave room for the arena");
  char* memory = block->data();
  return new (memory) Exchange(worker, listener, client, block, memory + sizeof(Exchange),
                               memory + block->capacity);
}

void Exchange::operator delete(Exchange* exchange, std::destroying_delete_t) {
  net::BlockRef block(exchange->block_);
  exchange->~Exchange();
}

Exchange::Exchange(Worker& worker, ListenerState& listener, http::ServerStream& client,
                   net::Block* block, char* arena_begin, char* arena_end)
    : plugins::Stream(arena_),
      worker_(worker),
      listener_(listener),
      client_(client),
      block_(block),
      arena_(worker.io.pool, arena_begin, arena_end),
      chain_(arena_),
      timer_(worker.io.loop.timers(), &event::Timer::Call<Exchange, &Exchange::OnTimer>, this) {
  summary_.start_ns = worker.io.loop.now_ns();
  summary_.generation = worker.generation;
  listener_name_ = listener.name;
  ++worker.active_exchanges;
  worker.metrics.Add(listener.metrics, observe::ListenerMetric::kRequestsActive);
}

Exchange::~Exchange() {
  if (route_ != nullptr) worker_.pins.Unpin(route_->pin_slot);
  if (global_ != nullptr) worker_.pins.Unpin(global_->pin_slot);
  --worker_.active_exchanges;
  worker_.metrics.Subtract(listener_.metrics, observe::ListenerMetric::kRequestsActive);
}

// --- Request head --------------------------------------------------------------------------------

void Exchange::OnRequestHead(bool end) {
  request_ended_ = request_passed_ = end;
  if (end) summary_.request_end_ns = summary_.start_ns;
  NoteTarget();
  if (listener_.rules == nullptr) return ReplyWithReason("draining");
  const ListenerRules& rules = *listener_.rules;
  max_body_bytes_ = rules.max_body_bytes;
  const Client client = ApplyForwarded(request_, client_.peer_address().ip(), client_.is_secure(),
                                       rules.trusted_proxies);
  client_ip_ = client.ip;
  scheme_ = client.scheme;
  is_peer_trusted_ = client.is_peer_trusted;
  if (request_.method_id == Method::kConnect || request_.method_id == Method::kTrace) {
    return ReplyWithReason("method_not_supported");
  }
  if (!NormalisePath()) return;
  const bool has_route = MatchRoute();
  if (rules.global != nullptr) {
    global_ = rules.global.get();
    worker_.pins.Pin(global_->pin_slot);
  }
  chain_.Begin(global_ == nullptr ? nullptr : global_->chain.get(),
               has_route ? route_->early.get() : nullptr);
  if (request_.body.kind == BodySize::Kind::kLength &&
      request_.body.length > max_body_bytes_) {
    return ReplyWithReason("request_body_too_large");
  }
  RunRequestHead();
}

void Exchange::OnBadRequest(const http::LocalError& error) {
  request_ended_ = true;
  NoteTarget();
  client_ip_ = client_.peer_address().ip();
  plugins::LocalReply reply;
  reply.status = error.status;
  reply.details = error.details;
  ReplyLocal(reply, "http_request_error");
}

// What the client sent, before anything is changed.
void Exchange::NoteTarget() {
  summary_.method = request_.method;
  summary_.authority = request_.authority;
  summary_.target = original_path_ = request_.path;
  // The codec leaves path, "?" and query as they came, side by side.
  const char* path_end = request_.path.data() + request_.path.size();
  if (request_.query && request_.query->data() == path_end + 1) {
    summary_.target = absl::string_view(
        request_.path.data(), request_.path.size() + 1 + request_.query->size());
  }
}

bool Exchange::NormalisePath() {
  if (request_.path == "*") return true;
  char* buffer = arena_.Allocate(request_.path.size(), 1);
  const match::NormalisedPath result =
      match::Normalise(request_.path, listener_.rules->escaped_slashes, buffer);
  switch (result.error) {
    case match::PathError::kNone:
      request_.path = original_path_ = result.path;
      return true;
    case match::PathError::kEscapedSlash:
      ReplyWithReason("escaped_slash");
      return false;
    default:
      ReplyWithReason("bad_path");
      return false;
  }
}

namespace {

size_t HeaderValues(const void* context, absl::string_view name,
                    absl::Span<absl::string_view> values) {
  const auto& headers = *static_cast<const http::HeaderMap*>(context);
  size_t count = 0;
  for (const auto* e = headers.Find(name); e != nullptr; e = headers.Next(e)) {
    if (count < values.size()) values[count] = e->value();
    ++count;
  }
  return count;
}

match::RequestView ViewOf(const http::RequestHead& head, const net::IpAddress& client) {
  match::RequestView view;
  view.method = head.method;
  view.host = head.authority;
  view.path = head.path;
  view.query = head.query.value_or(absl::string_view());
  view.client_ip = client.bytes();
  view.headers = {&HeaderValues, &head.headers};
  return view;
}

}  // namespace

bool Exchange::MatchRoute() {
  if (!listener_.rules->routes.Match(ViewOf(request_, client_ip_), &match_)) return false;
  route_ = reinterpret_cast<const CompiledRoute*>(match_.payload);
  worker_.pins.Pin(route_->pin_slot);
  route_name_ = route_->name;
  upstream_name_ = route_->upstream;
  return true;
}

absl::string_view Exchange::Capture(absl::string_view name) const {
  if (match_.spec == nullptr) return {};
  if (captures_ == nullptr) {
    auto& arena = const_cast<http::Arena&>(arena_);
    captures_ = new (arena.Allocate(sizeof(match::Captures), alignof(match::Captures)))
        match::Captures();
    match::ReadCaptures(match_, original_path_, captures_);
  }
  const absl::string_view* value = captures_->Find(name);
  return value == nullptr ? absl::string_view() : *value;
}

const plugins::ConsumerTable& Exchange::consumers() const { return *worker_.consumers; }

void Exchange::RunRequestHead() {
  is_in_hook_ = true;
  Action action = Action::kContinue;
  if (!has_late_) {
    action = chain_.RunRequestHeadEarly(*this);
    if (action == Action::kContinue) ChooseLateChain();
  }
  if (action == Action::kContinue) action = chain_.RunRequestHeadLate(*this);
  is_in_hook_ = false;
  if (pending_reply_) return ReplyLocal(*pending_reply_, {});
  if (action == Action::kStop) {
    request_stop_ = Hook::kRequestHead;
    return;
  }
  AfterRequestHead();
}

void Exchange::ChooseLateChain() {
  has_late_ = true;
  if (route_ == nullptr) return chain_.SetLate(nullptr);
  if (consumer_ != nullptr && consumer_->overlay != nullptr) {
    overlay_ = worker_.overlays.Get(*route_, *consumer_);
    return chain_.SetLate(overlay_.get());
  }
  chain_.SetLate(route_->late.get());
}

void Exchange::AfterRequestHead() {
  if (route_ == nullptr) return AnswerUnmatched();
  if (route_->cluster_slot == kNoCluster) return ReplyWithReason("no_endpoints");
  if (request_passed_ || chain_.request_body().kind != BodyMode::Kind::kWhole) {
    stage_ = Stage::kUpstream;
    // What came while the head stood at a plugin.
    PassRequestBody();
    if (request_ended_ && !request_passed_ && request_stop_ == Hook::kNone) PassRequestEnd();
    if (stage_ == Stage::kUpstream) StartAttempt(/*fresh=*/false);
    return;
  }
  stage_ = Stage::kCollecting;
  ResumeClient();
  if (request_.expects_continue) {
    // The body is wanted here, whatever the upstream will say.
    request_.headers.Remove(HeaderId::kExpect);
    http::ResponseHead go_on(arena_);
    go_on.status = 100;
    client_.SendInformational(go_on);
  }
  if (request_ended_) PassRequestEnd();
}

void Exchange::AnswerUnmatched() {
  const std::string allowed = listener_.rules->routes.AllowedMethods(ViewOf(request_, client_ip_));
  if (allowed.empty()) return ReplyWithReason("no_route");
  response_.headers.Set(HeaderId::kAllow, arena_.Copy(allowed));
  ReplyWithReason("method_not_allowed");
}

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
  const BodyMode mode = chain_.request_body();
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
    trailers->ForEach([copy](const http::HeaderMap::Entry& e) {
      copy->Add(e.id, e.name(), e.value());
    });
    request_trailers_ = copy;
  }
  if (request_stop_ != Hook::kNone || stage_ == Stage::kHead) return;
  PassRequestEnd();
}

// The client's body is complete, and what came before has passed.
void Exchange::PassRequestEnd() {
  const BodyMode mode = chain_.request_body();
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
    return ReplyWithReason(tried_[0] != nullptr ? "no_healthy_upstream"
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
  const bool was_not_processed = failed_to_connect || reason == ResetReason::kPeerRefused ||
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

// --- Response ------------------------------------------------------------------------------------

void Exchange::OnAttemptInformational(http::ResponseHead& head) {
  if (stage_ == Stage::kUpstream) client_.SendInformational(head);
}

void Exchange::OnAttemptHead(http::ResponseHead& head, bool end) {
  Touch();
  summary_.response_head_ns = attempt_->first_byte_ns();
  response_ended_ = end;
  response_.status = head.status;
  response_.body = head.body;
  response_.headers.Reserve(head.headers.count() + response_.headers.count() + 4);
  head.headers.ForEach([this](const http::HeaderMap::Entry& e) {
    response_.headers.Add(e.id, e.name(), e.value());
  });
  stage_ = Stage::kHolding;
  summary_.details = "via_upstream";
  RunResponseHead();
}

void Exchange::RunResponseHead() {
  if (!has_late_) ChooseLateChain();
  is_in_hook_ = true;
  const Action action = chain_.RunResponseHead(*this);
  is_in_hook_ = false;
  if (pending_reply_) {
    response_.headers.Clear();
    return ReplyLocal(*pending_reply_, {});
  }
  if (action == Action::kStop) {
    response_stop_ = Hook::kResponseHead;
    return BlockUpstreamIfNeeded();
  }
  response_stop_ = Hook::kNone;
  const bool has_body = !http::ResponseHasNoBody(request_.method_id, response_.status);
  if (has_body && chain_.response_body().kind == BodyMode::Kind::kWhole && !is_local_) {
    if (response_ended_) PassResponseEnd();
    return;
  }
  SendResponseHead();
}

void Exchange::SendResponseHead() {
  stage_ = Stage::kResponding;
  const bool ends_here = response_ended_ && response_held_.empty() &&
                         response_trailers_ == nullptr &&
                         chain_.response_body().kind == BodyMode::Kind::kNone;
  has_sent_status_ = true;
  client_.SendHead(response_, ends_here);
  if (ends_here) return Finish();
  PassResponseBody();
  if (response_ended_ && stage_ == Stage::kResponding && response_stop_ == Hook::kNone) {
    PassResponseEnd();
  }
}

void Exchange::OnAttemptBody(net::Buffer&& body) {
  Touch();
  response_held_.Append(std::move(body));
  if (response_stop_ != Hook::kNone) return BlockUpstreamIfNeeded();
  PassResponseBody();
}

void Exchange::PassResponseBody() {
  if (response_held_.empty()) return;
  const BodyMode mode = is_local_ ? BodyMode::None() : chain_.response_body();
  if (mode.kind == BodyMode::Kind::kWhole && stage_ == Stage::kHolding) {
    if (response_held_.size() > mode.max_bytes) {
      attempt_.reset();
      response_.headers.Clear();
      ReplyWithReason("response_body_too_large");
    }
    return;
  }
  if (mode.kind == BodyMode::Kind::kStream) {
    is_in_hook_ = true;
    const Action action = chain_.RunResponseBody(response_held_, false, *this);
    is_in_hook_ = false;
    if (action == Action::kStop) {
      response_stop_ = Hook::kResponseBody;
      return BlockUpstreamIfNeeded();
    }
  }
  SendResponseBody(std::move(response_held_));
  response_held_ = net::Buffer();
}

void Exchange::SendResponseBody(net::Buffer&& body) {
  summary_.sent_bytes += body.size();
  client_.SendBody(std::move(body), false);
  BlockUpstreamIfNeeded();
}

void Exchange::BlockUpstreamIfNeeded() {
  const bool should_pause = response_stop_ != Hook::kNone || client_.is_send_blocked();
  if (!should_pause || is_upstream_paused_) return;
  if (!attempt_ || attempt_->stream() == nullptr) return;
  is_upstream_paused_ = true;
  attempt_->stream()->PauseBody();
}

void Exchange::OnSendRoom() {
  Touch();
  if (!is_upstream_paused_ || response_stop_ != Hook::kNone) return;
  is_upstream_paused_ = false;
  if (attempt_ && attempt_->stream() != nullptr) attempt_->stream()->ResumeBody();
}

void Exchange::OnAttemptEnd(const http::HeaderMap* trailers) {
  Touch();
  response_ended_ = true;
  if (trailers != nullptr && trailers->count() > 0) {
    auto* copy = new (arena_.Allocate(sizeof(http::HeaderMap), alignof(http::HeaderMap)))
        http::HeaderMap(arena_);
    trailers->ForEach([copy](const http::HeaderMap::Entry& e) {
      copy->Add(e.id, e.name(), e.value());
    });
    response_trailers_ = copy;
  }
  if (response_stop_ == Hook::kNone) PassResponseEnd();
}

void Exchange::PassResponseEnd() {
  const BodyMode mode = is_local_ ? BodyMode::None() : chain_.response_body();
  if (response_stop_ != Hook::kResponseTrailers && mode.kind != BodyMode::Kind::kNone) {
    is_in_hook_ = true;
    const Action action = chain_.RunResponseBody(response_held_, true, *this);
    is_in_hook_ = false;
    if (action == Action::kStop) {
      response_stop_ = Hook::kResponseBody;
      return;
    }
    response_stop_ = Hook::kNone;
  }
  if (response_trailers_ != nullptr && chain_.has_response_trailers()) {
    is_in_hook_ = true;
    const Action action =
        chain_.RunResponseTrailers(const_cast<http::HeaderMap&>(*response_trailers_), *this);
    is_in_hook_ = false;
    if (action == Action::kStop) {
      response_stop_ = Hook::kResponseTrailers;
      return;
    }
    response_stop_ = Hook::kNone;
  }
  if (stage_ == Stage::kHolding) {
    response_.body = BodySize::Length(response_held_.size());
    stage_ = Stage::kResponding;
    has_sent_status_ = true;
    client_.SendHead(response_, false);
  }
  if (!response_held_.empty()) {
    summary_.sent_bytes += response_held_.size();
    client_.SendBody(std::move(response_held_), false);
  }
  client_.SendEnd(response_trailers_);
  Finish();
}

// --- Plugins -------------------------------------------------------------------------------------

void Exchange::Reply(const plugins::LocalReply& reply) {
  if (stage_ == Stage::kDone || stage_ == Stage::kResponding || pending_reply_ || is_local_) return;
  if (is_in_hook_) {
    pending_reply_ = reply;
    return;
  }
  ReplyLocal(reply, {});
}

void Exchange::Resume() {
  if (stage_ == Stage::kDone) return;
  const Hook request_stop = std::exchange(request_stop_, Hook::kNone);
  if (request_stop == Hook::kRequestHead) return RunRequestHead();
  if (request_stop == Hook::kRequestBody) {
    if (request_ended_) {
      PassRequestEnd();
    } else {
      PassRequestBody();
    }
    return;
  }
  if (request_stop == Hook::kRequestTrailers) {
    request_stop_ = Hook::kRequestTrailers;
    return PassRequestEnd();
  }
  const Hook response_stop = std::exchange(response_stop_, Hook::kNone);
  if (response_stop == Hook::kNone) return;
  if (response_stop == Hook::kResponseHead) {
    RunResponseHead();
  } else if (response_stop == Hook::kResponseTrailers) {
    response_stop_ = Hook::kResponseTrailers;
    PassResponseEnd();
  } else if (response_ended_) {
    PassResponseEnd();
  } else {
    PassResponseBody();
  }
  if (stage_ != Stage::kDone && response_stop_ == Hook::kNone && !client_.is_send_blocked()) {
    OnSendRoom();
  }
}

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
    attempt_.reset();
    plugins::LocalReply reply;
    reply.status = error->status;
    reply.details = error->details;
    return ReplyLocal(reply, "http_request_error");
  }
  summary_.details = "downstream_disconnected";
  summary_.flags.Add(ResponseFlag::kClientDisconnected);
  attempt_.reset();
  Record();
}

void Exchange::ReplyLocal(const plugins::LocalReply& reply, absl::string_view proxy_error) {
  const plugins::LocalReply copy = reply;
  pending_reply_.reset();
  request_stop_ = response_stop_ = Hook::kNone;
  attempt_.reset();
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
  SetReplyBody(copy);
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
  const observe::Reason& reason = *observe::FindReason(details);
  summary_.details = reason.details;
  summary_.flags.Add(reason.flags);
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

void Exchange::ArmTimer() {
  if (route_ == nullptr || stage_ == Stage::kDone) return;
  int64_t deadline = INT64_MAX;
  if (route_->total_timeout_ns > 0) deadline = summary_.start_ns + route_->total_timeout_ns;
  const bool awaits_response = request_passed_ && stage_ == Stage::kUpstream;
  if (awaits_response && route_->timeout_ns > 0) {
    deadline = std::min(deadline, summary_.request_end_ns + route_->timeout_ns);
  }
  if (!awaits_response && route_->idle_timeout_ns > 0) {
    deadline = std::min(deadline, std::max(last_move_ns_, summary_.start_ns) +
                                      route_->idle_timeout_ns);
  }
  if (deadline != INT64_MAX) timer_.SetAt(deadline);
}

void Exchange::OnTimer() {
  const int64_t now = worker_.io.loop.now_ns();
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
