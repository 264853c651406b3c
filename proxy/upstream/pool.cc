#include "proxy/upstream/pool.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/h1_pool.h"
#include "proxy/upstream/h2_pool.h"

namespace sluice::upstream {

void Pool::Waiter::Leave() {
  if (pool_ != nullptr) pool_->Forget(*this);
}

Pool::~Pool() {
  for (Waiter* waiter : waiters_) waiter->pool_ = nullptr;
}

void Pool::Enqueue(Waiter& waiter, http::ClientStreamEvents& events) {
  waiter.pool_ = this;
  waiter.events_ = &events;
  waiters_.push_back(&waiter);
}

Pool::Waiter* Pool::Dequeue() {
  if (waiters_.empty()) return nullptr;
  Waiter* waiter = waiters_.front();
  waiters_.erase(waiters_.begin());
  waiter->pool_ = nullptr;
  return waiter;
}

void Pool::Forget(Waiter& waiter) {
  waiter.pool_ = nullptr;
  waiters_.erase(std::find(waiters_.begin(), waiters_.end(), &waiter));
}

std::unique_ptr<Pool> MakePool(PoolContext& context, const net::Address& address,
                               std::shared_ptr<const Settings> settings) {
  if (settings->protocol == Protocol::kHttp2) {
    return std::make_unique<H2Pool>(context, address, std::move(settings));
  }
  return std::make_unique<H1Pool>(context, address, std::move(settings));
}

void Graveyard::Bury(std::unique_ptr<Pool> pool) {
  pool->Retire();
  pools_.push_back(std::move(pool));
}

void Graveyard::Sweep() {
  std::erase_if(pools_, [](const std::unique_ptr<Pool>& pool) { return pool->is_empty(); });
}

}  // namespace sluice::upstream
