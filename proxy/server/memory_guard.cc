#include "proxy/server/memory_guard.h"

#include <algorithm>

namespace sluice::server {

MemoryGuard::MemoryGuard(net::IoContext& io, Owner& owner) : io_(io), owner_(owner) {
  io_.pool.Watch(this);
}

MemoryGuard::~MemoryGuard() { io_.pool.Watch(nullptr); }

// Somebody is in the middle of a message: in a turn of its own.
void MemoryGuard::OnExhausted() { io_.loop.Schedule(*this, event::Phase::kReady); }

void MemoryGuard::Run() {
  const net::BlockPool& pool = io_.pool;
  if (!pool.is_exhausted()) return;
  size_t excess = pool.lent_bytes() - pool.budget_bytes() / 8 * 7;
  holders_.clear();
  owner_.ListHolders(holders_);
  std::sort(holders_.begin(), holders_.end(),
            [](const Holder& a, const Holder& b) { return a.bytes > b.bytes; });
  for (const Holder& holder : holders_) {
    if (excess == 0) break;
    holder.connection->Shed();
    ++sheds_;
    excess -= std::min(excess, holder.bytes);
  }
  // What is held is an estimate, and comes back at the end of the turn: look again after it, until
  // it is enough or nothing is left to end.
  if (!holders_.empty()) io_.loop.Schedule(*this, event::Phase::kReady);
}

}  // namespace sluice::server
