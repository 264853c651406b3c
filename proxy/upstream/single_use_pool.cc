#include "proxy/upstream/single_use_pool.h"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

using http::ResetReason;
using http::h1::ClientConnection;

SingleUsePool::SingleUsePool(PoolContext& context, Destination destination,
                             std::shared_ptr<const Settings> settings)
    : Pool(context, std::move(destination), std::move(settings)),
      traffic_(TrafficOf(context.metrics, *settings_)) {}

SingleUsePool::~SingleUsePool() {
  for (size_t left = members_.size(); left > 0; --left) CountClosed();
}

http::ClientStream* SingleUsePool::Acquire(http::ClientStreamEvents& events, Waiter& waiter, bool) {
  if (Enqueue(waiter, events, /*fresh=*/true)) OpenForWaiters();
  return nullptr;
}

void SingleUsePool::OpenForWaiters() {
  while (waiter_count() > opening_ + failed_.size() && MayOpen(members_.empty())) {
    Open(WaiterAt(opening_ + failed_.size()));
  }
}

void SingleUsePool::Open(Waiter& waiter) {
  absl::StatusOr<net::Transport> transport = StartConnect();
  if (transport.ok()) {
    ClientConnection::Host& host = *this;
    auto connection = std::make_unique<ClientConnection>(io_, *std::move(transport), host,
                                                         settings_->connect_timeout_ns);
    connection->CountOn(traffic_);
    connection->SendFirst(PreludeOf(waiter));
    if (connection->Start().ok()) {
      ClientConnection* key = connection.get();
      members_.emplace(key, Member{std::move(connection), &waiter});
      ++opening_;
      return;
    }
  }
  CountClosed();
  // The waiter is told from the loop, as of any other failure.
  failure_ = absl::IsUnavailable(transport.status()) ? ResetReason::kConnectFailed
                                                     : ResetReason::kOverload;
  failed_.push_back(&waiter);
  io_.loop.Schedule(*this, event::Phase::kReady);
}

void SingleUsePool::Fail(Waiter& waiter, ResetReason reason) {
  Forget(waiter);
  waiter.OnConnectFailed(reason);
}

void SingleUsePool::Run() {
  while (!failed_.empty()) {
    Waiter* const waiter = failed_.front();
    failed_.erase(failed_.begin());
    Fail(*waiter, failure_);
  }
  OpenForWaiters();
}

void SingleUsePool::OnConnected(ClientConnection& connection) {
  Member& member = members_.at(&connection);
  Waiter& waiter = *std::exchange(member.waiter, nullptr);
  --opening_;
  NoteOpened(connection.secure());
  Forget(waiter);
  waiter.OnStream(connection.Begin(EventsOf(waiter)));
}

void SingleUsePool::OnClosed(ClientConnection& connection, ResetReason reason) {
  CountClosed();
  const auto it = members_.find(&connection);
  Waiter* const waiter = it->second.waiter;
  NoteClosed(connection.was_open(), reason, connection.secure());
  if (!connection.was_open()) --opening_;
  io_.loop.DeleteLater(std::move(it->second.connection));
  members_.erase(it);
  if (waiter != nullptr) Fail(*waiter, reason);
  // Others may have waited for this one's end.
  OpenForWaiters();
}

void SingleUsePool::OnLeft(Waiter& waiter) {
  failed_.erase(std::remove(failed_.begin(), failed_.end(), &waiter), failed_.end());
  for (auto& [connection, member] : members_) {
    if (member.waiter != &waiter) continue;
    member.waiter = nullptr;
    return connection->Close();
  }
}

}  // namespace sluice::upstream
