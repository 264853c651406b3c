// Brings what was built to all workers, with the sockets that it needs.
//
// An address that cannot be bound is a local fault, not a bad generation: everything else is
// served, the fault is told, and the address tried again every 5 s.
//
// Thread: the build thread's loop. Lifetime: the workers outlive it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "proxy/runtime/snapshot.h"
#include "proxy/server/socket_supply.h"
#include "proxy/server/worker.h"

namespace sluice::server {

// A listener that is not served.
struct BindFault {
  std::string listener;
  std::string problem;  // "0.0.0.0:80: Permission denied"

  friend bool operator==(const BindFault&, const BindFault&) = default;
};

class Publisher {
 public:
  // `on_faults` is told when the faults change later, without a new publication.
  Publisher(event::Loop& loop, std::vector<Worker*> workers,
            std::function<void(const std::vector<BindFault>&)> on_faults);

  // `done` runs on this thread when every worker serves it, with what is not served. Publications
  // are applied in their order; one may be started before the one before is done.
  using Done = std::function<void(const std::vector<BindFault>&)>;
  void Publish(std::shared_ptr<const runtime::Snapshot> snapshot,
               std::vector<runtime::ClusterStep> steps, Done done);

  // Where its sockets come from.
  SocketSupply& supply() { return supply_; }

  // From the start until Open(): what is published is made ready, and no listener accepts.
  void Hold() { is_held_ = true; }
  // Listeners accept; `done` as in Publish(), of what was published last.
  void Open(Done done);
  // No socket is opened or closed until Thaw(): another process is being handed them. Nothing is
  // published meanwhile.
  void Freeze() { retry_timer_.Cancel(); }
  void Thaw();

  // Some worker has yet to serve the newest publication.
  bool is_publishing() const { return publishing_ > 0; }
  // Of the newest publication.
  const std::vector<BindFault>& faults() const { return faults_; }

 private:
  // Binds what is not bound yet, and collects what cannot be.
  void BindAll(const runtime::Snapshot& snapshot);
  // Its own sockets would be in the way of one for `address`.
  SocketSupply::Neighbours NeighboursOf(const net::Address& address) const;
  void RetryLater();
  void Retry();

  event::Loop& loop_;
  const std::vector<Worker*> workers_;
  const std::function<void(const std::vector<BindFault>&)> on_faults_;
  std::shared_ptr<const runtime::Snapshot> snapshot_;
  SocketSupply supply_;
  bool is_held_ = false;
  absl::flat_hash_set<net::Address> bound_;
  // Not bound any more, and still open in a worker that has yet to apply what was published.
  absl::flat_hash_set<net::Address> closing_;
  // Sockets that are still to be handed out, by worker.
  std::vector<std::vector<NewSocket>> fresh_;
  std::vector<BindFault> faults_;
  size_t publishing_ = 0;
  event::Timer retry_timer_;
};

}  // namespace sluice::server
