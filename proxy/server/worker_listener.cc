#include "proxy/server/worker_listener.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"

namespace sluice::server {
namespace {

using http::h1::ServerConnection;
using net::ProxyHeaderReader;
using net::tls::ServerHandshake;
using observe::ConnectionRejection;
using observe::Http2Error;
using observe::ListenerMetric;
using observe::TlsHandshake;

Http2Error Http2ErrorOf(uint32_t code) {
  switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
      return Http2Error::kProtocol;
    case NGHTTP2_FLOW_CONTROL_ERROR:
      return Http2Error::kFlowControl;
    case NGHTTP2_STREAM_CLOSED:
      return Http2Error::kStreamClosed;
    case NGHTTP2_FRAME_SIZE_ERROR:
      return Http2Error::kFrameSize;
    case NGHTTP2_COMPRESSION_ERROR:
      return Http2Error::kCompression;
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return Http2Error::kEnhanceYourCalm;
    default:
      return Http2Error::kOther;
  }
}

}  // namespace

WorkerListener::WorkerListener(exchange::Worker& worker, CodecMemory& memory,
                               std::shared_ptr<const runtime::ListenerSpec> spec)
    : worker_(worker), memory_(memory), spec_(std::move(spec)) {
  Update(spec_);
}

WorkerListener::~WorkerListener() { spec_->connections->Subtract(counted_); }

absl::Status WorkerListener::Listen(ListeningSockets sockets) {
  net::Acceptor::Owner& owner = *this;
  for (net::Fd& fd : sockets.fds) {
    auto acceptor =
        std::make_unique<net::Acceptor>(worker_.io.loop, std::move(fd), owner, sockets.is_shared);
    RETURN_IF_ERROR(acceptor->Start());
    listening_.push_back({spec_->address, std::move(acceptor)});
  }
  return absl::OkStatus();
}

std::vector<net::Fd> WorkerListener::DuplicateSockets() const {
  std::vector<net::Fd> fds;
  for (const Listening& listening : listening_) {
    fds.push_back(net::Duplicate(listening.acceptor->fd()));
  }
  return fds;
}

void WorkerListener::Update(std::shared_ptr<const runtime::ListenerSpec> spec) {
  spec_->connections->Subtract(counted_);
  spec_ = std::move(spec);
  spec_->connections->Add(counted_);
  state_.name = spec_->name;
  state_.rules = spec_->rules.get();
  state_.metrics = spec_->metrics;
  state_.access_log = spec_->access_log.get();
}

bool WorkerListener::HasSocketOf(const net::Address& address) const {
  return std::any_of(listening_.begin(), listening_.end(),
                     [&](const Listening& listening) { return listening.address == address; });
}

absl::Status WorkerListener::Move(std::shared_ptr<const runtime::ListenerSpec> spec,
                                  ListeningSockets sockets) {
  const net::Address address = spec->address;
  const bool narrows = !address.Covers(spec_->address);
  Update(std::move(spec));
  const absl::Status status = Listen(std::move(sockets));
  std::erase_if(listening_, [&](const Listening& listening) {
    if (listening.address == address || address.Covers(listening.address)) return false;
    listening.acceptor->Finish();
    return true;
  });
  if (!narrows) return status;
  for (http::ServerCodec* connection : AllConnections()) {
    if (connection->local_address() != address) connection->Drain();
  }
  return status;
}

// To be gone through while some of them close, which takes them out of the set.
std::vector<http::ServerCodec*> WorkerListener::AllConnections() const {
  std::vector<http::ServerCodec*> all;
  all.reserve(connections_.size());
  for (const auto& connection : connections_) all.push_back(connection.get());
  return all;
}

void WorkerListener::Drain(IdleDrain idle) {
  is_draining_ = true;
  idle_drain_ = idle;
  for (const Listening& listening : listening_) listening.acceptor->Close();
  for (http::ServerCodec* connection : AllConnections()) DrainOne(*connection);
}

void WorkerListener::SetOverload(const OverloadActions& actions) {
  for (const Listening& listening : listening_) {
    listening.acceptor->SetPaused(actions.stop_accepting);
  }
  const bool begins = actions.end_keep_alive && !ends_keep_alive_;
  ends_keep_alive_ = actions.end_keep_alive;
  if (!begins) return;
  // Once: who comes later is told with its response.
  for (http::ServerCodec* connection : AllConnections()) {
    if (connection->is_idle()) connection->Drain();
  }
}

void WorkerListener::DrainOne(http::ServerCodec& connection) {
  if (idle_drain_ == IdleDrain::kKeep) return connection.AnnounceDrain();
  connection.Drain();
}

size_t WorkerListener::CloseConnections() {
  size_t cut = 0;
  proxy_readers_.clear();
  handshakes_.clear();
  while (!connections_.empty()) {
    http::ServerCodec* connection = connections_.begin()->get();
    if (!connection->is_idle()) ++cut;
    connection->CloseNow();
  }
  Recount();
  return cut;
}

void WorkerListener::ListHolders(std::vector<MemoryGuard::Holder>& holders) const {
  for (const auto& connection : connections_) {
    const size_t bytes = connection->held_bytes();
    if (bytes >= MemoryGuard::kLittle) holders.push_back({connection.get(), bytes});
  }
}

void WorkerListener::OnAccept(net::Fd fd, const net::Address& peer) {
  worker_.metrics.Add(state_.metrics, ListenerMetric::kConnections);
  if (!spec_->connections->Admit(spec_->max_connections)) {
    return CountRejected(ConnectionRejection::kLimit);
  }
  ++counted_;
  if (spec_->proxy_headers != nullptr) [[unlikely]] {
    ReadProxyHeader(std::move(fd), peer);
  } else {
    Secure(std::move(fd), peer);
  }
  Recount();
}

void WorkerListener::Recount() {
  const auto open = static_cast<uint32_t>(connection_count());
  spec_->connections->Subtract(std::exchange(counted_, open) - open);
}

void WorkerListener::ReadProxyHeader(net::Fd fd, const net::Address& peer) {
  const runtime::AcceptedProxyHeaders& accepted = *spec_->proxy_headers;
  const bool is_trusted =
      std::any_of(accepted.sources.begin(), accepted.sources.end(),
                  [&peer](const net::IpRange& range) { return range.Contains(peer.ip()); });
  if (!is_trusted) {
    if (accepted.is_optional) return Secure(std::move(fd), peer);
    return CountRejected(ConnectionRejection::kProxySource);
  }
  ProxyHeaderReader::Owner& owner = *this;
  auto reader = std::make_unique<ProxyHeaderReader>(
      worker_.io, std::move(fd), peer, accepted.is_optional, spec_->http.header_timeout_ns, owner);
  if (!reader->Start().ok()) return CountRejected(ConnectionRejection::kOverload);
  proxy_readers_.insert(std::move(reader));
}

void WorkerListener::Secure(net::Transport transport, const net::Address& client) {
  if (spec_->tls == nullptr) return Serve(std::move(transport), client);
  ServerHandshake::Owner& owner = *this;
  auto handshake = std::make_unique<ServerHandshake>(
      worker_.io, std::move(transport), client, spec_->tls, spec_->tls_handshake_timeout_ns, owner);
  if (!handshake->Start().ok()) return CountRejected(ConnectionRejection::kOverload);
  handshakes_.insert(std::move(handshake));
}

void WorkerListener::Serve(net::Transport transport, const net::Address& peer) {
  ServerConnection::Host& host = *this;
  const uint64_t id = ++next_connection_;
  std::unique_ptr<http::ServerCodec> connection;
  if (spec_->stream != nullptr) {
    stream::Relay::Host& relay_host = *this;
    connection = std::make_unique<stream::Relay>(worker_, std::move(transport), peer, id,
                                                 spec_->http.header_timeout_ns, relay_host);
  } else if (transport.secure != nullptr && transport.secure->protocol() == "h2") {
    connection = MakeHttp2(std::move(transport), peer, id);
  } else {
    connection =
        std::make_unique<ServerConnection>(worker_.io, std::move(transport), peer, id, host);
  }
  if (!connection->Start().ok()) return CountRejected(ConnectionRejection::kOverload);
  worker_.metrics.Add(state_.metrics, ListenerMetric::kConnectionsActive);
  http::ServerCodec& served = **connections_.insert(std::move(connection)).first;
  // It came while its handshake was under way: as if it had been idle already.
  if (is_draining_) DrainOne(served);
}

std::unique_ptr<http::h2::ServerConnection> WorkerListener::MakeHttp2(net::Transport transport,
                                                                      const net::Address& peer,
                                                                      uint64_t id) {
  http::ServerHost& host = *this;
  return std::make_unique<http::h2::ServerConnection>(worker_.io, std::move(transport), peer, id,
                                                      host, memory_.http2);
}

void WorkerListener::CountRejected(ConnectionRejection reason) {
  worker_.metrics.Add(state_.metrics, ListenerMetric::kConnectionsRejected, reason);
}

std::unique_ptr<ProxyHeaderReader> WorkerListener::TakeReader(ProxyHeaderReader& reader) {
  return std::move(proxy_readers_.extract(proxy_readers_.find(&reader)).value());
}

std::unique_ptr<ServerHandshake> WorkerListener::TakeHandshake(ServerHandshake& handshake) {
  return std::move(handshakes_.extract(handshakes_.find(&handshake)).value());
}

std::unique_ptr<http::ServerCodec> WorkerListener::TakeConnection(http::ServerCodec& connection) {
  return std::move(connections_.extract(connections_.find(&connection)).value());
}

void WorkerListener::OnProxyHeader(ProxyHeaderReader& reader, net::Transport transport,
                                   const net::Address& client) {
  worker_.io.loop.DeleteLater(TakeReader(reader));
  Secure(std::move(transport), client);
  Recount();
}

void WorkerListener::OnNoProxyHeader(ProxyHeaderReader& reader, bool is_late) {
  worker_.io.loop.DeleteLater(TakeReader(reader));
  CountRejected(is_late ? ConnectionRejection::kProxyTimeout : ConnectionRejection::kProxyHeader);
  Recount();
}

void WorkerListener::OnHandshakeDone(ServerHandshake& handshake, net::Transport transport) {
  const net::Address peer = handshake.peer();
  worker_.io.loop.DeleteLater(TakeHandshake(handshake));
  worker_.metrics.Add(
      state_.metrics, ListenerMetric::kTlsHandshakes,
      transport.secure->is_resumed() ? TlsHandshake::kResumed : TlsHandshake::kFull);
  Serve(std::move(transport), peer);
  Recount();
}

void WorkerListener::OnHandshakeFailed(ServerHandshake& handshake, absl::string_view) {
  worker_.io.loop.DeleteLater(TakeHandshake(handshake));
  worker_.metrics.Add(state_.metrics, ListenerMetric::kTlsHandshakes, TlsHandshake::kFailed);
  Recount();
}

void WorkerListener::OnShed() { CountRejected(ConnectionRejection::kOverload); }

void WorkerListener::OnHttp2(ServerConnection& before, net::Transport transport,
                             const net::BlockRef& block, const char* begin, const char* end) {
  worker_.io.loop.DeleteLater(TakeConnection(before));
  auto connection = MakeHttp2(std::move(transport), before.peer_address(), before.connection_id());
  http::h2::ServerConnection& begun = *connection;
  connections_.insert(std::move(connection));
  if (!begun.Start().ok()) return begun.CloseNow();
  if (is_draining_) DrainOne(begun);
  begun.Begin(block, begin, end);
}

void WorkerListener::OnHttp2Error(uint32_t code) {
  worker_.metrics.Add(state_.metrics, ListenerMetric::kHttp2Errors, Http2ErrorOf(code));
}

void WorkerListener::OnClosed(http::ServerCodec& connection) {
  worker_.metrics.Subtract(state_.metrics, ListenerMetric::kConnectionsActive);
  worker_.io.loop.DeleteLater(TakeConnection(connection));
  Recount();
}

http::ServerStreamEvents* WorkerListener::NewStream(http::ServerStream& stream) {
  http::ServerStreamEvents* exchange = exchange::Exchange::Create(worker_, state_, stream);
  if (exchange == nullptr) {
    // Nobody else counts what had no exchange.
    worker_.metrics.Add(state_.metrics, ListenerMetric::kRequests, observe::CodeClass::k5xx);
    worker_.metrics.CountLocalReply(worker_.workers_group, "overload");
  }
  return exchange;
}

void WorkerListener::OnTargetRead(absl::string_view target) {
  // By the time that the exchange does the same, the first step has been taken.
  if (state_.rules != nullptr) state_.rules->LookAhead(target);
}

}  // namespace sluice::server
