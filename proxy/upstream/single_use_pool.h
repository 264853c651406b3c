// HTTP/1.1 connections that carry one request each: each begins with a header that names the client
// (Upstream.proxy_protocol), so that it can serve no other.
#pragma once

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proxy/event/loop.h"
#include "proxy/upstream/pool.h"

namespace sluice::upstream {

class SingleUsePool final : public Pool,
                            private http::h1::ClientConnection::Host,
                            private event::Task {
 public:
  SingleUsePool(PoolContext& context, Destination destination,
                std::shared_ptr<const Settings> settings);
  ~SingleUsePool() override;

  http::ClientStream* Acquire(http::ClientStreamEvents& events, Waiter& waiter,
                              bool fresh) override;
  void Retire() override {}  // Nothing is kept.
  bool is_empty() const override { return members_.empty() && !has_waiters(); }
  size_t connection_count() const override { return members_.size(); }

 private:
  struct Member {
    std::unique_ptr<http::h1::ClientConnection> connection;
    Waiter* waiter;  // For whom it is being opened. Null once it is open, or nobody waits.
  };

  void OnConnected(http::h1::ClientConnection& connection) override;
  void OnIdle(http::h1::ClientConnection& connection) override { connection.Close(); }
  void OnClosed(http::h1::ClientConnection& connection, http::ResetReason reason) override;
  http::h1::RawHead& scratch_head() override { return context_.scratch_head; }
  void OnLeft(Waiter& waiter) override;
  // Tells those for whom no connection could be started.
  void Run() override;

  // One for each who waits, as far as they may be opened.
  void OpenForWaiters();
  void Open(Waiter& waiter);
  void Fail(Waiter& waiter, http::ResetReason reason);

  const net::Traffic traffic_;
  absl::flat_hash_map<http::h1::ClientConnection*, Member> members_;
  // Connections are opened in the order of the queue: the first of it have theirs, or are among
  // the failed.
  size_t opening_ = 0;
  std::vector<Waiter*> failed_;                           // To be told.
  http::ResetReason failure_ = http::ResetReason::kNone;  // Of the last of them.
};

}  // namespace sluice::upstream
