#include "proxy/upstream/pool.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/h1_pool.h"
#include "proxy/upstream/h2_pool.h"
#include "proxy/upstream/single_use_pool.h"

namespace sluice::upstream {

using observe::BreakerLimit;
using observe::TlsHandshake;
using observe::UpstreamMetric;

void Pool::Waiter::Leave() {
  if (pool_ == nullptr) return;
  Pool& pool = *pool_;
  pool.Forget(*this);
  pool.OnLeft(*this);
}

Pool::Pool(PoolContext& context, Destination destination, std::shared_ptr<const Settings> settings)
    : context_(context),
      io_(context.io),
      destination_(std::move(destination)),
      settings_(std::move(settings)) {}

Pool::~Pool() {
  for (Waiter* waiter : waiters_) {
    waiter->pool_ = nullptr;
    NoteLeft();
  }
}

bool Pool::Enqueue(Waiter& waiter, http::ClientStreamEvents& events, bool fresh) {
  if (!settings_->breaker->pending.TryTake(settings_->breaker_limits.pending)) {
    context_.metrics.Add(settings_->metrics, UpstreamMetric::kOverflows, BreakerLimit::kPending);
    return false;
  }
  context_.metrics.Add(settings_->metrics, UpstreamMetric::kPendingActive);
  waiter.pool_ = this;
  waiter.events_ = &events;
  waiter.wants_fresh_ = fresh;
  waiter.place_ = ++last_place_;
  waiters_.push_back(&waiter);
  return true;
}

// One waits no more.
void Pool::NoteLeft() {
  settings_->breaker->pending.Give();
  context_.metrics.Subtract(settings_->metrics, UpstreamMetric::kPendingActive);
}

bool Pool::MayOpen(bool is_first) {
  Gauge& connections = settings_->breaker->connections;
  if (connections.TryTake(settings_->breaker_limits.connections)) return true;
  if (!is_first) {
    context_.metrics.Add(settings_->metrics, UpstreamMetric::kOverflows,
                         BreakerLimit::kConnections);
    return false;
  }
  connections.Take();
  return true;
}

Pool::Waiter* Pool::Dequeue(bool used) {
  const auto found = std::find_if(waiters_.begin(), waiters_.end(), [used](const Waiter* waiter) {
    return !used || !waiter->wants_fresh_;
  });
  if (found == waiters_.end()) return nullptr;
  Waiter* waiter = *found;
  waiters_.erase(found);
  waiter->pool_ = nullptr;
  NoteLeft();
  return waiter;
}

void Pool::Forget(Waiter& waiter) {
  waiter.pool_ = nullptr;
  NoteLeft();
  waiters_.erase(std::lower_bound(
      waiters_.begin(), waiters_.end(), waiter.place_,
      [](const Waiter* waiting, uint64_t place) { return waiting->place_ < place; }));
}

void Pool::FailFirst(size_t most, http::ResetReason reason) {
  const uint64_t last = last_place_;
  for (; most > 0 && !waiters_.empty() && waiters_.front()->place_ <= last; --most) {
    Dequeue()->OnConnectFailed(reason);
  }
}

void Pool::NoteOpened(const net::SecureLayer* secure) {
  context_.metrics.Add(settings_->metrics, UpstreamMetric::kConnections);
  context_.metrics.Add(settings_->metrics, UpstreamMetric::kConnectionsActive);
  if (secure == nullptr) return;
  context_.metrics.Add(settings_->metrics, UpstreamMetric::kTlsHandshakes,
                       secure->is_resumed() ? TlsHandshake::kResumed : TlsHandshake::kFull);
}

void Pool::NoteClosed(bool was_open, http::ResetReason reason, const net::SecureLayer* secure) {
  if (was_open) context_.metrics.Subtract(settings_->metrics, UpstreamMetric::kConnectionsActive);
  if (!http::IsTlsFailure(reason)) return;
  tls_failure_ = secure->failure().empty() ? "closed" : std::string(secure->failure());
  // In TLS 1.3 it may be told after what was taken for a handshake that is done.
  context_.metrics.Add(settings_->metrics, UpstreamMetric::kTlsHandshakes, TlsHandshake::kFailed);
}

std::unique_ptr<Pool> MakePool(PoolContext& context, Destination destination,
                               std::shared_ptr<const Settings> settings) {
  if (settings->proxy_protocol != net::ProxyProtocol::kNone) {
    return std::make_unique<SingleUsePool>(context, std::move(destination), std::move(settings));
  }
  if (settings->protocol == Protocol::kHttp2) {
    return std::make_unique<H2Pool>(context, std::move(destination), std::move(settings));
  }
  return std::make_unique<H1Pool>(context, std::move(destination), std::move(settings));
}

void Graveyard::Bury(std::unique_ptr<Pool> pool) {
  pool->Retire();
  pools_.push_back(std::move(pool));
}

void Graveyard::Sweep() {
  std::erase_if(pools_, [](const std::unique_ptr<Pool>& pool) { return pool->is_empty(); });
}

}  // namespace sluice::upstream
