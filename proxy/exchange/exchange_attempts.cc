// The attempts that carry the request to an upstream.

#include <algorithm>
#include <utility>

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/subset_key.h"
#include "proxy/http/fields.h"
#include "proxy/upstream/balancer/stable_hash.h"

namespace sluice::exchange {

using http::ResetReason;
using observe::BreakerLimit;
using observe::UpstreamMetric;

namespace {

// How long a connection that is new is watched where a request must not be lost with it: what its
// end takes to come, which is not before a round trip to the endpoint.
constexpr int64_t kResetTimeNs = 5'000'000;
constexpr int64_t kLongestRoundTripNs = 100'000'000;

absl::string_view BytesOf(const net::IpAddress& ip) {
  const auto& bytes = ip.bytes();
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

upstream::Cluster* Exchange::FindCluster() const {
  return cluster_slot_ < worker_.clusters.size() ? worker_.clusters[cluster_slot_].get() : nullptr;
}

std::optional<uint64_t> Exchange::RequestHash(const upstream::Cluster& cluster) const {
  const upstream::Settings& settings = cluster.settings();
  if (settings.policy == upstream::Policy::kIpHash) {
    return upstream::StableHash(BytesOf(client_ip_));
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
    case upstream::HashOn::Kind::kClientIp:
      value = BytesOf(client_ip_);
      break;
  }
  if (value.empty()) return std::nullopt;
  return upstream::StableHash(value);
}

std::optional<uint32_t> Exchange::PickIn(upstream::Cluster& cluster,
                                         const upstream::SubsetChoice* subset,
                                         upstream::PickRequest& request) {
  request.now_ns = worker_.io.loop.now_ns();
  request.hash = RequestHash(cluster);
  if (subset == nullptr) return cluster.balancer().Pick(request);
  return cluster.balancer().PickFrom(SubsetKeyOf(*subset, request_.headers, arena_), request);
}

std::optional<uint32_t> Exchange::PickEndpoint(upstream::Cluster& cluster) {
  const upstream::TriedAddresses tried{cluster.endpoints(), {tried_, tried_count_}};
  upstream::PickRequest request;
  tried.ExcludeFrom(request);
  return PickIn(cluster, route_->has_subset ? route_->subset.get() : nullptr, request);
}

void Exchange::NoteTried(const upstream::Endpoint& endpoint) {
  if (tried_ == nullptr) {
    tried_ = new (arena_.Allocate(kMaxAttempts * sizeof(net::Address), alignof(net::Address)))
        net::Address[kMaxAttempts];
  }
  if (tried_count_ < kMaxAttempts) tried_[tried_count_++] = endpoint.address;
}

// What tells the endpoint between whom the client's connection was made; empty if it is not to
// know.
absl::string_view Exchange::ProxyHeaderFor(const upstream::Settings& settings) {
  if (settings.proxy_protocol == net::ProxyProtocol::kNone) return {};
  const net::Address& peer = client_.peer_address();
  // Of a client behind another proxy the port is not known.
  const net::Address source(client_ip_, client_ip_ == peer.ip() ? peer.port() : uint16_t{0});
  char header[net::kMaxProxyHeaderText];
  const size_t size =
      net::WriteProxyHeader(settings.proxy_protocol, source, client_.local_address(), header);
  return arena_.Copy(absl::string_view(header, size));
}

// What is under way may still bring the response.
void Exchange::CannotStart(absl::string_view details) {
  attempts_.empty() ? ReplyWithReason(details) : ArmTimer();
}

// `retry` is empty for a first attempt, and for one that the budget does not count.
void Exchange::StartAttempt(upstream::Permit retry) {
  retry_at_ns_ = 0;
  upstream::Cluster* cluster = FindCluster();
  if (cluster == nullptr) return CannotStart("no_endpoints");
  const upstream::Settings& settings = cluster->settings();
  if (is_connect() && !PrepareConnect(settings)) return;
  std::optional<uint32_t> endpoint = PickEndpoint(*cluster);
  if (!endpoint && tried_count_ > 0) {
    // Each has failed once: any may be tried again.
    tried_count_ = 0;
    endpoint = PickEndpoint(*cluster);
  }
  if (!endpoint) {
    const upstream::EndpointSet& endpoints = cluster->endpoints();
    if (!endpoints.table->weighted().empty()) return CannotStart("no_healthy_upstream");
    return CannotStart(endpoints.is_unresolved ? "upstream_dns_failure" : "no_endpoints");
  }
  if (!settings.breaker->requests.TryTake(settings.breaker_limits.requests)) {
    worker_.metrics.Add(settings.metrics, UpstreamMetric::kOverflows, BreakerLimit::kRequests);
    return CannotStart("upstream_overflow");
  }
  upstream::Permit request(settings.breaker->requests);
  if (summary_.attempts++ > 0) worker_.metrics.Add(settings.metrics, UpstreamMetric::kRetries);
  Attempt& attempt =
      attempts_.Add(arena_, static_cast<Attempt::Owner&>(*this), worker_, *cluster, *endpoint,
                    Attempt::Permits{std::move(request), std::move(retry)});
  attempt.set_prelude(ProxyHeaderFor(settings));
  summary_.endpoint = arena_.Copy(attempt.endpoint().name);
  summary_.transport_failure = {};
  const Attempt::Started started = attempt.Start(wants_fresh_);
  if (started == Attempt::Started::kOverflow) {
    attempts_.Remove(attempt);
    return CannotStart("upstream_overflow");
  }
  ArmTimer();
  if (started == Attempt::Started::kReady) OnAttemptReady(attempt);
}

void Exchange::OnAttemptReady(Attempt& attempt) {
  if (!IsDoubtful(attempt)) return SendRequestHead(attempt);
  const int64_t now = worker_.io.loop.now_ns();
  const int64_t round_trip = std::min(now - attempt.start_ns(), kLongestRoundTripNs);
  attempt.sent.held_until_ns = now + kResetTimeNs + round_trip;
  ArmTimer();
}

// Whether the endpoint, whose last attempt had no response, may close the new connection at once,
// as one does behind which nothing serves, and whether what was sent by then would be lost: then it
// is better to see first.
bool Exchange::IsDoubtful(const Attempt& attempt) const {
  if (attempt.was_reused() || !attempt.endpoint().health->is_doubtful()) return false;
  const Outcome closed{.reset = ResetReason::kPeerClosed, .has_sent_bytes = true};
  return Judge(Policy(), request_.method_id, is_grpc(), closed) == Verdict::kFinal;
}

absl::string_view Exchange::AuthorityFor(const upstream::Settings& settings,
                                         const upstream::Endpoint& endpoint) const {
  if (!upstream_host_.empty()) return upstream_host_;
  if (settings.host_mode == upstream::HostMode::kEndpoint) return endpoint.name;
  if (settings.host_mode == upstream::HostMode::kLiteral) return settings.host;
  // An HTTP/1.0 request without Host.
  if (request_.authority.empty()) return endpoint.name;
  return request_.authority;
}

void Exchange::SendRequestHead(Attempt& attempt) {
  const absl::string_view client_authority = request_.authority;
  request_.authority = AuthorityFor(attempt.cluster().settings(), attempt.endpoint());
  attempt.MarkStarted();
  const bool end = request_passed_ && body_.empty() && request_trailers_ == nullptr;
  attempt.sent = {.has_head = true, .has_end = end};
  route_cells_ = worker_.metrics.CellsOf(route_->metrics);
  attempt.stream()->SendHead(request_, end);
  request_.authority = client_authority;
  if (!end) PumpRequestBody(attempt);
}

void Exchange::PumpRequestBody(Attempt& attempt) {
  http::ClientStream* stream = attempt.stream();
  if (attempt.sent.has_end) return;
  if (stream == nullptr || !attempt.sent.has_head) {
    if (body_.size() >= kMaxReplayBytes) PauseClient();
    // The request may have become complete while the attempt waits for its connection.
    if (request_passed_) ArmTimer();
    return;
  }
  // What was answered is not sent again.
  if (body_.size() > kMaxReplayBytes || attempt.has_response()) is_replayable_ = false;
  if (stream->is_send_blocked()) return PauseClient();
  const bool end = request_passed_;
  const uint64_t unsent = body_.size() - attempt.sent.body_bytes;
  if (unsent > 0) {
    net::Buffer piece;
    if (is_replayable_) {
      piece.AppendShared(body_, attempt.sent.body_bytes, unsent);
      attempt.sent.body_bytes = body_.size();
    } else {
      // There is no other attempt: hedges are begun only while all of the body is here.
      body_.Drain(attempt.sent.body_bytes);
      attempt.sent.body_bytes = 0;
      piece = std::move(body_);
      body_ = net::Buffer();
    }
    Touch();
    stream->SendBody(std::move(piece), end && request_trailers_ == nullptr);
  }
  if (end && (unsent == 0 || request_trailers_ != nullptr)) stream->SendEnd(request_trailers_);
  attempt.sent.has_end = end;
  if (end) return ArmTimer();
  if (stream->is_send_blocked()) {
    PauseClient();
  } else {
    ResumeClient();
  }
}

void Exchange::OnAttemptSendRoom(Attempt& attempt) { PumpRequestBody(attempt); }

// --- What became of one --------------------------------------------------------------------------

void Exchange::OnAttemptInformational(http::ResponseHead& head, Attempt& attempt) {
  if (stage_ == Stage::kUpstream && held_head_ == nullptr && IsAlone(attempt)) {
    client_.SendInformational(head);
  }
}

// What the response will be looked at and counted with: since the request, others have taken its
// place in the cache.
void Exchange::OnAttemptInput() {
  route_->Fetch();
  route_cells_.Fetch();
}

void Exchange::OnAttemptHead(http::ResponseHead& head, bool end, Attempt& attempt) {
  Outcome outcome{.kind = Outcome::Kind::kStatus, .status = head.status};
  if (is_grpc()) {
    outcome.grpc_status = ParseGrpcStatus(head.headers.Get("grpc-status"));
    const upstream::RetryPolicy* policy = Policy();
    // A gRPC server may tell how it went only in trailers: until the first message they may still
    // be all that comes. Not while the client sends: it may wait for the head before it goes on.
    if (policy != nullptr && policy->has_grpc() && !end && outcome.grpc_status < 0 &&
        head.status == 200 && request_passed_ && held_head_ == nullptr) {
      return HoldHead(head, attempt);
    }
  }
  if (Retry(attempt, outcome)) return;
  Accept(head, end, attempt);
}

void Exchange::HoldHead(const http::ResponseHead& head, Attempt& attempt) {
  held_head_ = new (arena_.Allocate(sizeof(http::ResponseHead), alignof(http::ResponseHead)))
      http::ResponseHead(arena_);
  held_head_->status = head.status;
  held_head_->body = head.body;
  head.headers.ForEach([this](const http::HeaderMap::Entry& e) {
    held_head_->headers.Add(e.id, e.name(), e.value());
  });
  held_by_ = &attempt;
  Touch();
  ArmTimer();
}

// The response of this attempt is the one that the client gets.
void Exchange::AcceptHeld(bool end) {
  http::ResponseHead& head = *std::exchange(held_head_, nullptr);
  Accept(head, end, *std::exchange(held_by_, nullptr));
}

void Exchange::OnAttemptBody(net::Buffer&& body, Attempt& attempt) {
  if (held_by_ == &attempt) AcceptHeld(/*end=*/false);
  if (stage_ != Stage::kDone && winner_ == &attempt) OnResponseBody(std::move(body));
}

void Exchange::OnAttemptEnd(const http::HeaderMap* trailers, Attempt& attempt) {
  if (held_by_ == &attempt) {
    Outcome outcome{.kind = Outcome::Kind::kStatus, .status = held_head_->status};
    if (trailers != nullptr) {
      outcome.grpc_status = ParseGrpcStatus(trailers->Get("grpc-status"));
    }
    if (Retry(attempt, outcome)) return;
    AcceptHeld(/*end=*/false);
  }
  if (stage_ != Stage::kDone && winner_ == &attempt) OnResponseEnd(trailers);
}

void Exchange::OnAttemptReset(ResetReason reason, Attempt& attempt) {
  if (stage_ == Stage::kDone) return;
  if (winner_ == &attempt) {
    return AbortResponse(reason == ResetReason::kProtocolError  ? "upstream_protocol_error"
                         : reason == ResetReason::kHeadTooLarge ? "upstream_headers_too_large"
                                                                : "upstream_reset_after_response");
  }
  const Outcome outcome{.reset = reason,
                        .has_sent_bytes = attempt.has_sent_bytes(),
                        .was_reused = attempt.was_reused()};
  if (http::IsTlsFailure(reason)) {
    summary_.transport_failure = arena_.Copy(attempt.pool().tls_failure());
  }
  if (Retry(attempt, outcome)) return;
  switch (reason) {
    case ResetReason::kTlsFailed:
      return ReplyWithReason("upstream_tls_handshake_failed");
    case ResetReason::kTlsUntrusted:
      return ReplyWithReason("upstream_certificate_invalid");
    case ResetReason::kTlsNoProtocol:
      return ReplyWithReason("upstream_protocol_not_negotiated");
    case ResetReason::kConnectFailed:
      return ReplyWithReason("upstream_connect_refused");
    case ResetReason::kConnectTimeout:
      return ReplyWithReason("upstream_connect_timeout");
    case ResetReason::kProtocolError:
      return ReplyWithReason("upstream_protocol_error");
    case ResetReason::kHeadTooLarge:
      return ReplyWithReason("upstream_headers_too_large");
    case ResetReason::kOverload:
      return ReplyWithReason("overload");
    default:
      return ReplyWithReason("upstream_reset_before_response");
  }
}

}  // namespace sluice::exchange
