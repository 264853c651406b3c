// Sees to it that there are ticket keys, and that they do not grow old.
#pragma once

#include <memory>

#include "base/clock.h"
#include "controlplane/loop/loop.h"
#include "controlplane/store/ledger.h"
#include "controlplane/tickets/keyring.h"

namespace sluice::tickets {

// Makes keys when the first Listener with TLS is configured, and rotates them for as long as there
// is one. Each rotation is a generation; a fleet without TLS has none.
//
// Has a thread of its own, which waits for the disk.
//
// Thread: any.
// Lifetime: `ledger` and `clock` outlive it.
class Rotator {
 public:
  Rotator(store::Ledger& ledger, const Clock& clock, const Schedule& schedule);
  ~Rotator();
  Rotator(const Rotator&) = delete;
  Rotator& operator=(const Rotator&) = delete;

  // Rotates if that is due; the timer does so every second.
  void Tick();

  loop::Loop& loop() { return loop_; }

 private:
  void OnCommit(const store::CommitEvent& event);

  // Set at construction.
  store::Ledger& ledger_;
  const Clock& clock_;
  const Schedule schedule_;

  // Loop thread only.
  bool is_wanted_ = false;  // There is a Listener with TLS.

  loop::Loop loop_;
  loop::Timer timer_;
  std::unique_ptr<store::Ledger::Subscription> subscription_;
};

}  // namespace sluice::tickets
