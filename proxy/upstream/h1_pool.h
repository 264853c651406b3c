// A pool of HTTP/1.1 connections: one request at a time on each.
#pragma once

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proxy/event/loop.h"
#include "proxy/upstream/pool.h"

namespace sluice::upstream {

class H1Pool final : public Pool, private http::h1::ClientConnection::Host, private event::Task {
 public:
  H1Pool(PoolContext& context, Destination destination, std::shared_ptr<const Settings> settings);
  ~H1Pool() override;

  http::ClientStream* Acquire(http::ClientStreamEvents& events, Waiter& waiter,
                              bool fresh) override;
  void Adopt(std::shared_ptr<const Settings> settings) override;
  void Retire() override;
  bool is_empty() const override { return connections_.empty() && !has_waiters(); }
  size_t connection_count() const override { return connections_.size(); }

 private:
  void OnConnected(http::h1::ClientConnection& connection) override;
  void OnIdle(http::h1::ClientConnection& connection) override;
  void OnClosed(http::h1::ClientConnection& connection, http::ResetReason reason) override;
  http::h1::RawHead& scratch_head() override { return context_.scratch_head; }
  // Tells those for whom no connection could be started.
  void Run() override;

  // Somebody waits for whom none is being opened.
  bool lacks_connections() const { return waiter_count() > opening_ + failed_starts_; }
  // As many as those who wait lack, and may have.
  void OpenForWaiters();
  void Open();
  void GiveOrKeep(http::h1::ClientConnection& connection, bool used);
  void OnIdleTimer();

  const net::Traffic traffic_;
  absl::flat_hash_map<http::h1::ClientConnection*, std::unique_ptr<http::h1::ClientConnection>>
      connections_;
  std::vector<http::h1::ClientConnection*> idle_;  // The most recently used last.
  event::Timer idle_timer_;
  size_t opening_ = 0;
  size_t failed_starts_ = 0;                              // Whose waiters are to be told.
  http::ResetReason failure_ = http::ResetReason::kNone;  // Of the last of them.
  bool is_retired_ = false;
};

}  // namespace sluice::upstream
