#include "proxy/server/worker_listener.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace sluice::server {
namespace {

// Connections taken in one turn, so that those already open are not kept waiting.
constexpr int kAcceptsPerTurn = 64;
constexpr int64_t kPauseNs = 100'000'000;

using http::h1::ServerConnection;
using net::tls::ServerHandshake;
using observe::ConnectionRejection;
using observe::ListenerMetric;
using observe::TlsHandshake;

}  // namespace

WorkerListener::WorkerListener(exchange::Worker& worker, http::h1::RawHead& scratch_head,
                               net::Fd fd, std::shared_ptr<const runtime::ListenerSpec> spec)
    : worker_(worker),
      scratch_head_(scratch_head),
      fd_(std::move(fd)),
      reserve_(open("/dev/null", O_RDONLY | O_CLOEXEC)),
      spec_(std::move(spec)),
      accept_timer_(worker.io.loop.timers(),
                    &event::Timer::Call<WorkerListener, &WorkerListener::ResumeAccepting>, this) {
  state_.name = spec_->name;
  state_.rules = spec_->rules.get();
  state_.metrics = spec_->metrics;
  state_.access_log = spec_->access_log.get();
}

WorkerListener::~WorkerListener() {
  if (fd_.is_open()) worker_.io.loop.Remove(fd_.get());
}

absl::Status WorkerListener::Start() {
  // Level-triggered: what one turn leaves in the queue is told again in the next.
  return worker_.io.loop.Add(fd_.get(), *this, EPOLLIN);
}

void WorkerListener::Update(std::shared_ptr<const runtime::ListenerSpec> spec) {
  spec_ = std::move(spec);
  state_.name = spec_->name;
  state_.rules = spec_->rules.get();
  state_.metrics = spec_->metrics;
  state_.access_log = spec_->access_log.get();
}

void WorkerListener::Drain() {
  is_draining_ = true;
  if (fd_.is_open()) {
    worker_.io.loop.Remove(fd_.get());
    fd_.Close();
  }
  accept_timer_.Cancel();
  // Drain() may close some at once, which erases them from the map.
  std::vector<ServerConnection*> all;
  all.reserve(connections_.size());
  for (const auto& [connection, owned] : connections_) all.push_back(connection);
  for (ServerConnection* connection : all) connection->Drain();
}

size_t WorkerListener::CloseConnections() {
  size_t cut = 0;
  handshakes_.clear();
  while (!connections_.empty()) {
    ServerConnection* connection = connections_.begin()->first;
    if (!connection->is_idle()) ++cut;
    connection->CloseNow();
  }
  return cut;
}

void WorkerListener::OnEvents(uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage storage;
    socklen_t length = sizeof(storage);
    net::Fd fd(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &length,
                       SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.is_open()) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        return ShedForDescriptors();
      }
      if (errno == EAGAIN) return;
      continue;  // ECONNABORTED and the like are of that one connection.
    }
    Accept(std::move(fd), net::Address::FromSockaddr(storage));
  }
}

void WorkerListener::Accept(net::Fd fd, const net::Address& peer) {
  worker_.metrics.Add(state_.metrics, ListenerMetric::kConnections);
  if (connection_count() >= spec_->max_connections)
    return CountRejected(ConnectionRejection::kLimit);
  if (spec_->tls == nullptr) return Serve(std::move(fd), peer);
  ServerHandshake::Owner& owner = *this;
  auto handshake = std::make_unique<ServerHandshake>(worker_.io, std::move(fd), peer, spec_->tls,
                                                     spec_->tls_handshake_timeout_ns, owner);
  if (!handshake->Start().ok()) return CountRejected(ConnectionRejection::kOverload);
  ServerHandshake* key = handshake.get();
  handshakes_.emplace(key, std::move(handshake));
}

void WorkerListener::Serve(net::Transport transport, const net::Address& peer) {
  ServerConnection::Host& host = *this;
  auto connection = std::make_unique<ServerConnection>(worker_.io, std::move(transport), peer,
                                                       ++next_connection_, host);
  if (!connection->Start().ok()) return CountRejected(ConnectionRejection::kOverload);
  worker_.metrics.Add(state_.metrics, ListenerMetric::kConnectionsActive);
  ServerConnection* key = connection.get();
  connections_.emplace(key, std::move(connection));
  // It came while its handshake was under way: as if it had been idle already.
  if (is_draining_) key->Drain();
}

void WorkerListener::CountRejected(ConnectionRejection reason) {
  worker_.metrics.Add(state_.metrics, ListenerMetric::kConnectionsRejected, reason);
}

std::unique_ptr<ServerHandshake> WorkerListener::TakeHandshake(ServerHandshake& handshake) {
  const auto it = handshakes_.find(&handshake);
  std::unique_ptr<ServerHandshake> taken = std::move(it->second);
  handshakes_.erase(it);
  return taken;
}

void WorkerListener::OnHandshakeDone(ServerHandshake& handshake, net::Transport transport) {
  const net::Address peer = handshake.peer();
  worker_.io.loop.DeleteLater(TakeHandshake(handshake));
  worker_.metrics.Add(
      state_.metrics, ListenerMetric::kTlsHandshakes,
      transport.secure->is_resumed() ? TlsHandshake::kResumed : TlsHandshake::kFull);
  Serve(std::move(transport), peer);
}

void WorkerListener::OnHandshakeFailed(ServerHandshake& handshake, absl::string_view) {
  worker_.io.loop.DeleteLater(TakeHandshake(handshake));
  worker_.metrics.Add(state_.metrics, ListenerMetric::kTlsHandshakes, TlsHandshake::kFailed);
}

void WorkerListener::ShedForDescriptors() {
  CountRejected(ConnectionRejection::kOverload);
  // A queue that nobody empties would wake this loop for ever: take one off with the descriptor in
  // reserve, and look away for a moment.
  if (reserve_.is_open()) {
    reserve_.Close();
    net::Fd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)).Close();
    reserve_ = net::Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  worker_.io.loop.Modify(fd_.get(), 0);
  accept_timer_.SetAt(worker_.io.loop.now_ns() + kPauseNs);
}

void WorkerListener::ResumeAccepting() {
  if (!reserve_.is_open()) reserve_ = net::Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  worker_.io.loop.Modify(fd_.get(), EPOLLIN);
}

void WorkerListener::OnClosed(ServerConnection& connection) {
  worker_.metrics.Subtract(state_.metrics, ListenerMetric::kConnectionsActive);
  const auto it = connections_.find(&connection);
  worker_.io.loop.DeleteLater(std::move(it->second));
  connections_.erase(it);
}

http::ServerStreamEvents* WorkerListener::NewStream(http::ServerStream& stream) {
  return exchange::Exchange::Create(worker_, state_, stream);
}

}  // namespace sluice::server
