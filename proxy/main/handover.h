// Hands this process's place to a successor: stops everything that both would write, collects what
// is to be handed over, and goes on as before if nothing comes of it.
//
// From the moment it prepares, the configuration stays as it is: the stream to the control plane is
// closed, and a file is not read again. Requests are served all the time.
//
// Thread: the control thread. Lifetime: all it is given outlives it, up to Close() at least.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "proxy/main/build_thread.h"
#include "proxy/main/file_source.h"
#include "proxy/main/pages.h"
#include "proxy/server/admin/admin_server.h"
#include "proxy/server/handover/predecessor.h"
#include "proxy/server/worker.h"
#include "proxy/sync/keeper.h"
#include "proxy/sync/sync_client.h"

namespace sluice::main {

class Handover final : private server::handover::Predecessor::Owner {
 public:
  struct Parts {
    const ProxyState& state;
    const sync::StateDirectory& directory;
    BuildThread& build;
    std::vector<server::Worker*> workers;
    const server::AdminServer& admin;
    std::string admin_listen;
    // Of a file, or of a control plane; the others are null.
    FileSource* file = nullptr;
    sync::SyncClient* client = nullptr;
    sync::Keeper* keeper = nullptr;
  };

  // `listening`: where successors come. `on_left`: the process with this number serves now.
  Handover(event::Loop& loop, net::Fd listening, Parts parts, std::function<void(int)> on_left);

  absl::Status Start() { return predecessor_.Start(); }
  // Hands over to nobody any more.
  void Close() { predecessor_.Close(); }

 private:
  using Inheritance = server::handover::Inheritance;

  void PrepareToLeave(Ready ready) override;
  void Stay() override;
  void Leave(int successor_pid) override { on_left_(successor_pid); }

  void TryFreeze();
  // On the build thread.
  absl::Status Freeze(Inheritance& all);
  void OnFrozen(const absl::Status& status, Inheritance all);
  void CollectSockets(Inheritance all);
  void GoOn();

  event::Loop& loop_;
  const Parts parts_;
  const std::function<void(int)> on_left_;
  Ready ready_;
  int tries_ = 0;
  event::Timer retry_timer_;
  server::handover::Predecessor predecessor_;
};

}  // namespace sluice::main
