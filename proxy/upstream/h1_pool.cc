#include "proxy/upstream/h1_pool.h"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

using http::ResetReason;
using http::h1::ClientConnection;

H1Pool::H1Pool(PoolContext& context, Destination destination,
               std::shared_ptr<const Settings> settings)
    : Pool(context, std::move(destination), std::move(settings)),
      traffic_(TrafficOf(context.metrics, *settings_)),
      idle_timer_(context.io.loop.timers(), &event::Timer::Call<H1Pool, &H1Pool::OnIdleTimer>,
                  this) {}

H1Pool::~H1Pool() {
  for (size_t left = connections_.size(); left > 0; --left) CountClosed();
}

http::ClientStream* H1Pool::Acquire(http::ClientStreamEvents& events, Waiter& waiter, bool fresh) {
  if (!idle_.empty() && !fresh) {
    ClientConnection* connection = idle_.back();
    idle_.pop_back();
    return &connection->Begin(events);
  }
  if (Enqueue(waiter, events, fresh)) {
    OpenForWaiters();
    // The breaker's room may be taken by connections that will not do.
    while (lacks_connections() && !idle_.empty()) idle_.front()->Close();
  }
  return nullptr;
}

void H1Pool::OpenForWaiters() {
  while (lacks_connections() && MayOpen(connections_.empty())) Open();
}

void H1Pool::Open() {
  absl::StatusOr<net::Transport> transport = StartConnect();
  if (transport.ok()) {
    ClientConnection::Host& host = *this;
    auto connection = std::make_unique<ClientConnection>(io_, *std::move(transport), host,
                                                         settings_->connect_timeout_ns);
    connection->CountOn(traffic_);
    if (connection->Start().ok()) {
      ClientConnection* key = connection.get();
      connections_.emplace(key, std::move(connection));
      ++opening_;
      return;
    }
  }
  CountClosed();
  // The waiter is told from the loop, as of any other failure.
  failure_ = absl::IsUnavailable(transport.status()) ? ResetReason::kConnectFailed
                                                     : ResetReason::kOverload;
  ++failed_starts_;
  io_.loop.Schedule(*this, event::Phase::kReady);
}

void H1Pool::Run() {
  FailFirst(std::exchange(failed_starts_, 0), failure_);
  OpenForWaiters();
}

void H1Pool::GiveOrKeep(ClientConnection& connection, bool used) {
  if (Waiter* waiter = Dequeue(used)) {
    http::ClientStream& stream = connection.Begin(EventsOf(*waiter));
    return waiter->OnStream(stream);
  }
  const bool is_in_the_way = used && lacks_connections();
  if (is_retired_ || is_in_the_way || idle_.size() >= settings_->max_idle) {
    return connection.Close();
  }
  idle_.push_back(&connection);
  if (!idle_timer_.is_set()) {
    idle_timer_.SetAt(connection.idle_since_ns() + settings_->idle_timeout_ns);
  }
}

void H1Pool::OnConnected(ClientConnection& connection) {
  --opening_;
  NoteOpened(connection.secure());
  GiveOrKeep(connection, /*used=*/false);
}

void H1Pool::OnIdle(ClientConnection& connection) { GiveOrKeep(connection, /*used=*/true); }

void H1Pool::OnClosed(ClientConnection& connection, ResetReason reason) {
  CountClosed();
  NoteClosed(connection.was_open(), reason, connection.secure());
  const auto it = connections_.find(&connection);
  io_.loop.DeleteLater(std::move(it->second));
  connections_.erase(it);
  const auto idle = std::find(idle_.begin(), idle_.end(), &connection);
  if (idle != idle_.end()) idle_.erase(idle);
  // One that was being opened was being opened for somebody: for the first in the queue.
  if (connection.was_open()) return OpenForWaiters();
  --opening_;
  FailFirst(1, reason);
  // Others may have waited for this one's end.
  OpenForWaiters();
}

void H1Pool::OnIdleTimer() {
  // The oldest lie in front.
  const int64_t now = io_.loop.now_ns();
  while (!idle_.empty() && idle_.front()->idle_since_ns() + settings_->idle_timeout_ns <= now) {
    idle_.front()->Close();
  }
  if (!idle_.empty()) {
    idle_timer_.SetAt(idle_.front()->idle_since_ns() + settings_->idle_timeout_ns);
  }
}

void H1Pool::Adopt(std::shared_ptr<const Settings> settings) {
  Pool::Adopt(std::move(settings));
  while (idle_.size() > settings_->max_idle) idle_.front()->Close();
  OnIdleTimer();
}

void H1Pool::Retire() {
  is_retired_ = true;
  while (!idle_.empty()) idle_.back()->Close();
}

}  // namespace sluice::upstream
