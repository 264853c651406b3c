// A pool of HTTP/2 connections: many requests at once on each; another is opened when all are full.
#pragma once

#include <memory>
#include <vector>

#include "proxy/event/loop.h"
#include "proxy/http/h2/client_connection.h"
#include "proxy/upstream/pool.h"

namespace sluice::upstream {

class H2Pool final : public Pool, private event::Task {
 public:
  H2Pool(PoolContext& context, Destination destination, std::shared_ptr<const Settings> settings);
  ~H2Pool() override;

  // `fresh` asks for a connection that is not going away: one that lives carries any number of
  // requests, so it need not be unused.
  http::ClientStream* Acquire(http::ClientStreamEvents& events, Waiter& waiter,
                              bool fresh) override;
  void Adopt(std::shared_ptr<const Settings> settings) override;
  void Retire() override;
  bool is_empty() const override { return members_.empty() && !has_waiters(); }
  size_t connection_count() const override { return members_.size(); }

 private:
  // A connection and who it tells.
  class Member;

  void Run() override;  // Tells those for whom no connection could be started.
  void Open();
  // Begins streams for those who wait, while connections have room.
  void Serve();
  Member* FindRoom();
  void OnMemberClosed(Member& member, http::ResetReason reason);

  const net::Traffic traffic_;
  std::vector<std::unique_ptr<Member>> members_;
  size_t opening_ = 0;
  bool failed_start_ = false;                             // Those who wait are to be told.
  http::ResetReason failure_ = http::ResetReason::kNone;  // Why.
  bool is_retired_ = false;
};

}  // namespace sluice::upstream
