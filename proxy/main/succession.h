// Takes the place of the process that has the state directory, so that no connection is lost:
//
//   1  it is handed the sockets, the lock, keys (Begin())
//   2  the configuration is made ready by all workers; no listener accepts
//   3  the names of endpoints are looked up, for at most 5 s, or requests would find no server
//   4  listeners accept, beside those of the process before
//   5  that is told, accepts no more, and drains
//
// Before 5 anything may fail, this process included: the one before goes on.
//
// Thread: the control thread; Begin() blocks it, before anything else runs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proxy/main/build_thread.h"
#include "proxy/server/handover/successor.h"
#include "proxy/sync/state_directory.h"

namespace sluice::main {

class Succession final : private server::handover::Successor::Owner {
 public:
  // The state directory, and how it was come by.
  struct Begun {
    std::unique_ptr<sync::StateDirectory> directory;
    std::unique_ptr<Succession> succession;  // Null: nobody had it.
  };
  static absl::StatusOr<Begun> Begin(const std::string& state_dir);

  struct Hooks {
    // Listeners accept; with the faults there are.
    std::function<void(const Applied&)> on_open;
    // The process before accepts no more.
    std::function<void()> on_done;
    // This one must not serve.
    std::function<void()> on_revoked;
  };
  // Lends everything to `build`, which has not started, and looks out for the predecessor's word.
  // Both outlive it.
  absl::Status Start(event::Loop& loop, BuildThread& build, Hooks hooks);

  server::handover::Inheritance& inheritance() { return successor_->inheritance(); }
  bool is_open() const { return is_opening_; }

  // All workers have the configuration.
  void OnReady(bool waits_for_names);
  void OnNamesResolved();
  // There is no configuration, here and there: nothing to be made ready.
  void OnNothing();

 private:
  explicit Succession(std::unique_ptr<server::handover::Successor> successor)
      : successor_(std::move(successor)) {}

  void OnYours() override { hooks_.on_done(); }
  void OnRevoked() override { hooks_.on_revoked(); }
  void Open();

  std::unique_ptr<server::handover::Successor> successor_;
  event::Loop* loop_ = nullptr;  // Set by Start(), and so are the next.
  BuildThread* build_ = nullptr;
  Hooks hooks_;
  std::unique_ptr<event::Timer> names_timer_;  // While names are looked up.
  bool is_opening_ = false;
};

}  // namespace sluice::main
