#include "proxy/exchange/exchange.h"

#include <utility>

#include "api/match/host.h"
#include "proxy/exchange/forwarded.h"
#include "proxy/http/fields.h"

namespace sluice::exchange {

using http::BodySize;
using http::HeaderId;
using http::Method;
using plugins::Action;
using plugins::BodyMode;

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
  --worker_.active_exchanges;
  worker_.metrics.Subtract(listener_.metrics, observe::ListenerMetric::kRequestsActive);
}

// --- Request head --------------------------------------------------------------------------------

Client Exchange::FindClient(const ListenerRules& rules) {
  const net::SecureLayer* const secure = client_.secure();
  absl::string_view client_cert;
  if (rules.tls != nullptr) {
    client_cert = TakeClientCert(request_, rules.forward_client_cert,
                                 secure != nullptr ? secure->peer() : nullptr);
  }
  const Client client = ApplyForwarded(request_, client_.peer_address().ip(), secure != nullptr,
                                       rules.trusted_proxies);
  if (!client_cert.empty()) request_.headers.Set(kClientCertHeader, client_cert);
  return client;
}

// What was demanded of the client for one name must not open the door of another.
bool Exchange::IsMisdirected(const ListenerRules& rules) const {
  const net::SecureLayer* const secure = client_.secure();
  if (rules.tls == nullptr || secure == nullptr || !rules.tls->has_client_auth()) return false;
  // The name by which its route will be found, whatever way it is written.
  char buffer[match::kMaxHostSize];
  const absl::string_view host = match::HostKey(request_.authority, buffer);
  return rules.tls->ScopeOf(host) != secure->client_auth_scope();
}

void Exchange::OnRequestTarget(absl::string_view target) {
  if (listener_.rules == nullptr) return;
  // Over HTTP/1.1 OnTargetRead() has fetched what the second step reads.
  ahead_ = listener_.rules->LookAhead(target);
  FetchAhead();
}

void Exchange::FetchAhead() {
  const uint64_t payload = ahead_.Advance();
  if (payload != 0) reinterpret_cast<const CompiledRoute*>(payload)->Fetch();
}

void Exchange::OnRequestHead(bool end) {
  FetchAhead();
  request_ended_ = request_passed_ = end;
  if (end) summary_.request_end_ns = summary_.start_ns;
  NoteTarget();
  if (listener_.rules == nullptr) return ReplyWithReason("draining");
  const ListenerRules& rules = *listener_.rules;
  max_body_bytes_ = rules.max_body_bytes;
  const Client client = FindClient(rules);
  FetchAhead();
  client_ip_ = client.ip;
  scheme_ = client.scheme;
  is_peer_trusted_ = client.is_peer_trusted;
  if (IsMisdirected(rules)) return ReplyWithReason("misdirected_request");
  if (request_.method_id == Method::kTrace) return ReplyWithReason("method_not_supported");
  // It names a host only; for whoever looks at paths it asks for all of it.
  if (is_connect()) request_.path = "/";
  if (!NormalisePath()) return;
  const bool has_route = MatchRoute();
  if (has_route && route_->shed_priority < worker_.shed_below) return ReplyWithReason("overload");
  if (is_connect() && !CheckConnect()) return;
  if (!request_.upgrade.empty() && !CheckUpgrade()) return;
  if (rules.global != nullptr) {
    global_ = rules.global.get();
    global_pin_.Take(worker_.pins, global_->pin_slot);
  }
  chain_.Begin(global_ == nullptr ? nullptr : global_->chain.get(),
               has_route ? route_->early : nullptr);
  if (request_.body.kind == BodySize::Kind::kLength && request_.body.length > max_body_bytes_) {
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
    summary_.target =
        absl::string_view(request_.path.data(), request_.path.size() + 1 + request_.query->size());
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
  route_pin_.Take(worker_.pins, route_->pin_slot);
  worker_.metrics.FetchPlace(route_->metrics);
  route_name_ = &route_->name;
  if (route_->has_split) {
    ChooseUpstream();
  } else {
    upstream_name_ = &route_->upstream;
    cluster_slot_ = route_->cluster_slot;
  }
  return true;
}

void Exchange::ChooseUpstream() {
  const Split& split = *route_->traffic->split;
  absl::string_view cookie;
  if (!split.cookie_name().empty()) {
    cookie = http::FindCookie(request_.headers, split.cookie_name());
  }
  const Split::Choice choice =
      split.Choose(ViewOf(request_, client_ip_), cookie, scheme_ == "https", worker_.random.Next());
  if (choice.target == nullptr) return;
  upstream_name_ = &choice.target->upstream;
  cluster_slot_ = choice.target->cluster_slot;
  sticky_cookie_ = choice.set_cookie;
}

absl::string_view Exchange::Capture(absl::string_view name) const {
  if (match_.spec == nullptr) return {};
  if (captures_ == nullptr) {
    auto& arena = const_cast<http::Arena&>(arena_);
    captures_ =
        new (arena.Allocate(sizeof(match::Captures), alignof(match::Captures))) match::Captures();
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
  chain_.SetLate(route_->late);
}

void Exchange::AfterRequestHead() {
  if (route_ == nullptr) return AnswerUnmatched();
  if (cluster_slot_ == kNoCluster) return ReplyWithReason("no_endpoints");
  NoteGrpcDeadline();
  // A plugin gives a body to a request that has none: its body hook will be asked for it.
  if (request_passed_ && request_.body.has_bytes()) request_passed_ = false;
  if (request_passed_ || chain_.request_body().kind != BodyMode::Kind::kWhole) {
    stage_ = Stage::kUpstream;
    // What came while the head stood at a plugin.
    PassRequestBody();
    if (request_ended_ && !request_passed_ && request_stop_ == Hook::kNone) PassRequestEnd();
    if (stage_ == Stage::kUpstream) StartFirstAttempt();
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

}  // namespace sluice::exchange
