// From a client's first byte to an open connection to an endpoint.

#include <utility>

#include "base/status_macros.h"
#include "proxy/http/tls_failure.h"
#include "proxy/net/proxy_header.h"
#include "proxy/stream/client_hello.h"
#include "proxy/stream/relay.h"
#include "proxy/upstream/balancer/stable_hash.h"
#include "proxy/upstream/connect.h"
#include "proxy/upstream/outcome_report.h"

namespace sluice::stream {

using net::ReadStatus;
using observe::BreakerLimit;
using observe::ConnectFailure;
using observe::EndpointMetric;
using observe::StreamRouteMetric;
using observe::UpstreamMetric;

namespace {

absl::string_view BytesOf(const net::IpAddress& ip) {
  const auto& bytes = ip.bytes();
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

const char* ReasonOf(http::ResetReason reason) {
  switch (reason) {
    case http::ResetReason::kTlsFailed:
      return "upstream_tls_handshake_failed";
    case http::ResetReason::kTlsUntrusted:
      return "upstream_certificate_invalid";
    case http::ResetReason::kTlsNoProtocol:
      return "upstream_protocol_not_negotiated";
    default:
      return "upstream_connect_refused";
  }
}

}  // namespace

void Relay::ReadHello() {
  while (client_.connection.may_be_readable()) {
    const net::BlockRef block = worker_.io.Scratch().Share();
    const net::ReadResult result = client_.connection.Read(block->data(), block->capacity);
    if (result.status == ReadStatus::kWouldBlock) return;
    if (result.status != ReadStatus::kData) {
      return End("downstream_disconnected", /*aborts=*/false);
    }
    CountReceived(client_, result.bytes);
    hello_.AppendCopy(worker_.io.pool, absl::string_view(block->data(), result.bytes));
    if (hello_.size() < hello_needed_) continue;
    const bool is_in_one_piece = hello_.Front().size() == hello_.size();
    const ClientHello hello =
        ClientHello::Parse(is_in_one_piece ? hello_.Front() : hello_.ToString());
    switch (hello.status) {
      case ClientHello::Status::kNeedsMore:
        hello_needed_ = hello.needed;
        continue;
      case ClientHello::Status::kInvalid:
        return End("bad_client_hello", /*aborts=*/false);
      case ClientHello::Status::kComplete:
        server_name_ = hello.server_name;
        return ChooseRoute(server_name_);
    }
  }
}

void Relay::ChooseRoute(absl::string_view server_name) {
  timer_.Cancel();
  const Rules* const rules = host_.stream_rules();
  if (rules == nullptr) return End("draining", /*aborts=*/false);
  if (worker_.io.pool.is_exhausted()) return End("overload", /*aborts=*/true);
  match::RequestView view;
  view.host = server_name;
  view.path = "/";
  view.client_ip = client_address_.ip().bytes();
  match::MatchResult result;
  if (!rules->routes.Match(view, &result)) return End("no_route", /*aborts=*/false);
  route_ = reinterpret_cast<const CompiledStreamRoute*>(result.payload);
  route_pin_.Take(worker_.pins, route_->pin_slot);
  worker_.metrics.Add(route_->metrics, StreamRouteMetric::kConnections);
  worker_.metrics.Add(route_->metrics, StreamRouteMetric::kConnectionsActive);
  if (hello_.size() > 0) {
    worker_.metrics.Add(route_->metrics, StreamRouteMetric::kReceivedBytes, hello_.size());
  }
  state_ = State::kConnecting;
  Connect();
}

// Tries endpoints until a connection is on its way, or none is left to be tried.
void Relay::Connect() {
  LetGoOfEndpoint();
  const uint32_t slot = route_->cluster_slot;
  if (!cluster_ && slot < worker_.clusters.size()) cluster_ = worker_.clusters[slot].Share();
  if (!cluster_) return End("no_endpoints", /*aborts=*/false);
  while (TryEndpoint(*cluster_.get()) == Attempt::kFailed) {
  }
}

std::optional<uint32_t> Relay::Pick(upstream::Cluster& cluster) const {
  const upstream::Settings& settings = cluster.settings();
  upstream::PickRequest request;
  request.now_ns = worker_.io.loop.now_ns();
  // Of all that can be hashed this is what there is.
  if (settings.policy == upstream::Policy::kIpHash ||
      settings.hash_on.kind == upstream::HashOn::Kind::kClientIp) {
    request.hash = upstream::StableHash(BytesOf(client_address_.ip()));
  }
  const upstream::TriedAddresses tried{cluster.endpoints(), {tried_.data(), attempts_}};
  tried.ExcludeFrom(request);
  if (route_->subset.empty()) return cluster.balancer().Pick(request);
  return cluster.balancer().PickFrom(route_->subset, request);
}

Relay::Attempt Relay::TryEndpoint(upstream::Cluster& cluster) {
  const auto over = [this](absl::string_view details) {
    End(details, /*aborts=*/false);
    return Attempt::kOver;
  };
  if (attempts_ == kMaxAttempts) return over(failure_);
  const std::optional<uint32_t> picked = Pick(cluster);
  if (!picked) {
    if (attempts_ > 0) return over(failure_);
    const upstream::EndpointSet& endpoints = cluster.endpoints();
    if (!endpoints.table->weighted().empty()) return over("no_healthy_upstream");
    return over(endpoints.is_unresolved ? "upstream_dns_failure" : "no_endpoints");
  }
  settings_ = cluster.shared_settings();
  endpoint_ = cluster.endpoints().endpoints[*picked];
  upstream::Gauge& connections = settings_->breaker->connections;
  if (!connections.TryTake(settings_->breaker_limits.connections)) {
    worker_.metrics.Add(settings_->metrics, UpstreamMetric::kOverflows, BreakerLimit::kConnections);
    return over("upstream_overflow");
  }
  connection_permit_ = upstream::Permit(connections);
  settings_->board->NoteTraffic();
  holds_endpoint_ = true;
  active_ = cluster.balancer().OnStart(*picked);
  tried_[attempts_] = endpoint_->address;
  if (attempts_++ > 0) worker_.metrics.Add(settings_->metrics, UpstreamMetric::kRetries);
  worker_.metrics.Add(endpoint_->metrics, EndpointMetric::kRequests);
  worker_.metrics.Add(endpoint_->metrics, EndpointMetric::kRequestsActive);
  const absl::Status status = OpenTo(*endpoint_);
  if (status.ok()) return Attempt::kPending;
  // What we had no descriptor for says nothing about the endpoint.
  if (absl::IsResourceExhausted(status)) return over("overload");
  failure_ = "upstream_connect_refused";
  NoteConnectFailure(ConnectFailure::kRefused);
  LetGoOfEndpoint();
  return Attempt::kFailed;
}

absl::Status Relay::OpenTo(const upstream::Endpoint& endpoint) {
  ASSIGN_OR_RETURN(
      net::Transport transport,
      upstream::StartConnect(worker_.io, *settings_, upstream::DestinationOf(*settings_, endpoint),
                             /*sessions=*/nullptr));
  server_ = std::make_unique<Side>(*this, std::move(transport), event::Phase::kFlushUpstream,
                                   /*connecting=*/true);
  traffic_ = upstream::TrafficOf(worker_.metrics, *settings_);
  server_->connection.CountOn(traffic_);
  if (settings_->proxy_protocol != net::ProxyProtocol::kNone) {
    char header[net::kMaxProxyHeaderText];
    const size_t size = net::WriteProxyHeader(settings_->proxy_protocol, client_address_,
                                              client_.connection.local_address(), header);
    server_->connection.SendFirst(absl::string_view(header, size));
  }
  RETURN_IF_ERROR(server_->connection.Register());
  timer_.SetAt(worker_.io.loop.now_ns() + settings_->connect_timeout_ns);
  return absl::OkStatus();
}

void Relay::NoteConnectFailure(ConnectFailure failure) {
  worker_.metrics.Add(settings_->metrics, UpstreamMetric::kConnectFailures, failure);
  worker_.metrics.Add(endpoint_->metrics, EndpointMetric::kFailures);
  active_.OnFailure(worker_.io.loop.now_ns());
  ReportOutcome(upstream::Outcome::kNoResponse);
}

void Relay::ReportOutcome(upstream::Outcome outcome) {
  upstream::ReportOutcome(*settings_, *endpoint_, outcome, worker_.io.loop.now_ns(),
                          worker_.metrics);
}

// Of the last attempt, if there was one.
void Relay::LetGoOfEndpoint() {
  if (!std::exchange(holds_endpoint_, false)) return;
  // It may be in the middle of a call.
  if (server_ != nullptr) {
    server_->connection.Close();
    worker_.io.loop.DeleteLater(std::move(server_));
  }
  if (std::exchange(is_connected_, false)) {
    worker_.metrics.Subtract(settings_->metrics, UpstreamMetric::kConnectionsActive);
  }
  worker_.metrics.Subtract(endpoint_->metrics, EndpointMetric::kRequestsActive);
  active_ = upstream::ActiveRequest();
  connection_permit_.Give();
}

void Relay::OnConnected(int error) {
  if (state_ != State::kConnecting) return;
  if (error != 0) {
    const http::ResetReason reason = http::ConnectFailureOf(server_->connection.secure(), error);
    failure_ = ReasonOf(reason);
    NoteConnectFailure(http::IsTlsFailure(reason) ? ConnectFailure::kTls
                                                  : ConnectFailure::kRefused);
    return Connect();
  }
  is_connected_ = true;
  worker_.metrics.Add(settings_->metrics, UpstreamMetric::kConnections);
  worker_.metrics.Add(settings_->metrics, UpstreamMetric::kConnectionsActive);
  ReportOutcome(upstream::Outcome::kConnected);
  BeginRelaying();
}

void Relay::BeginRelaying() {
  state_ = State::kRelaying;
  // It may last for days: the upstream's endpoints of today need not.
  cluster_ = upstream::ClusterRef();
  timer_.Cancel();
  Touch();
  if (!hello_.empty()) {
    server_->connection.out().Append(std::move(hello_));
    server_->connection.FlushSoon();
  }
  Pump(client_);
}

}  // namespace sluice::stream
