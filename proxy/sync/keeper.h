// Takes updates on the build thread: assembles and checks them, has them applied, keeps what was
// applied on disk, and says what became of each.
//
//   keeper.Boot(events);           // what the disk holds is applied; OnBooted() follows
//   keeper.TakePart(part);         // from the stream, in order
//
// What it is given is either applied whole or changes nothing. An update is refused if it does not
// lead from what is held, if its hash does not come out, if it goes back in the life of its store,
// or if its content has crashed this build twice. What the applier rejects is not held.
//
// Thread: the build thread. It may be constructed before that runs its loop, and destroyed after it
// has stopped.
// Lifetime: everything given to it outlives it; `events` while the loop runs.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api/resource/problem.h"
#include "base/clock.h"
#include "proxy/event/loop.h"
#include "proxy/sync/activation_marker.h"
#include "proxy/sync/held_view.h"
#include "proxy/sync/journal.h"
#include "proxy/sync/messages.h"
#include "proxy/sync/state_directory.h"
#include "proxy/sync/update_reader.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

// Makes a view what is served. Implemented by the runtime.
class Applier {
 public:
  enum class Outcome {
    kActive,    // Every worker serves it.
    kDegraded,  // So it is, but for a local fault, which `problems` name.
    kRejected,  // It cannot be served; the view before stays.
  };
  struct Result {
    Outcome outcome = Outcome::kActive;
    std::vector<resource::Problem> problems;
  };

  // `change` leads from what was last applied and lives until `done` is called: once, on this
  // thread, also within the call. One at a time.
  virtual void Apply(const ViewChange& change, absl::AnyInvocable<void(Result)> done) = 0;

 protected:
  ~Applier() = default;
};

// What a keeper says, on the build thread.
class KeeperEvents {
 public:
  // The disk was read and what it held is served; once. OnPhase() may come before.
  virtual void OnBooted(const std::optional<Generation>& active) = 0;
  // A part was taken: `bytes` as UpdatePart::bytes() counts them.
  virtual void OnPartTaken(size_t bytes) = 0;
  // What became of a generation.
  virtual void OnPhase(const PhaseReport& report) = 0;
  // What was received does not fit: the next update must be full.
  virtual void OnResync(const std::string& reason) = 0;
  // The server is behind what is held: its updates are of no use.
  virtual void OnStaleServer(const std::string& reason) = 0;
  // What the disk holds, and why it holds no more than that (empty: it holds what is active).
  virtual void OnPersisted(const std::optional<Generation>& persisted,
                           const std::string& fault) = 0;

 protected:
  ~KeeperEvents() = default;
};

class Keeper {
 public:
  // How long the journal waits for quiet before it is written anew, and how often a disk that
  // failed is tried again.
  static constexpr absl::Duration kCompactAfter = absl::Seconds(1);
  static constexpr absl::Duration kRetryDisk = absl::Seconds(60);

  // `loop`: the build thread's; `clock`: the one that the control thread's loop has too.
  Keeper(event::Loop& loop, const Clock& clock, const StateDirectory& directory,
         std::unique_ptr<ActivationMarker> marker, Applier& applier);
  // The process ends in order: nothing is on trial any more. After LetGo() that is not its to say.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Once. `events` is told from now on.
  void Boot(KeeperEvents& events);

  // The next part of an update. Waits its turn while another update is being applied.
  void TakePart(UpdatePart part);
  // The stream ended: what is not whole is forgotten.
  void AbandonUpdate();

  // Another process is about to have the directory: nothing more is written, at the end neither,
  // and parts of updates are forgotten.
  //   UNAVAILABLE           an update is being applied: soon
  //   FAILED_PRECONDITION   the disk does not hold what is served, so the other would serve less
  absl::Status LetGo();
  // The other will not.
  void TakeBack();

  // Local faults came or went without an update: the present generation is active or degraded.
  void NoteFaults(std::vector<resource::Problem> problems);

 private:
  enum class State {
    kIdle,      // No update has begun.
    kReading,   // Parts are collected.
    kSkipping,  // An update that is of no use goes by.
    kApplying,  // The applier has one; parts wait.
  };

  void Handle(UpdatePart part);
  // Whether the update whose first part this is can be used; says so if not.
  bool Accepts(const UpdatePart& first);
  void Read(const UpdatePart& part);
  void FinishUpdate();
  // The update is wrong in itself: a delta may be mended by a full one, a full one cannot.
  void OnBadUpdate(const absl::Status& status);
  void Apply(resource::ViewHash hash);
  void OnApplied(resource::ViewHash hash, Applier::Result result);
  // Takes what was applied into the view and onto the disk.
  void Keep(resource::ViewHash hash);
  absl::Status KeepStep(resource::ViewHash hash);
  absl::Status KeepWhole(resource::ViewHash hash);
  void OnDiskFault(const absl::Status& status);
  void TakeWaiting();

  void BootFrom(Journal::Content content);
  void OnBootApplied(resource::ViewHash hash, HeldView::Locations locations,
                     Applier::Result result);
  void EndBoot();

  void Report(PhaseReport::Phase phase, std::vector<resource::Problem> problems);
  void Reject(const Generation& generation, std::string problem);
  void TellPersisted();
  void BeginTrial(const Generation& generation);
  void OnTrialEnd();
  void OnCompactTimer();
  void OnDiskTimer();

  // Set at construction.
  event::Loop& loop_;
  const Clock& clock_;
  const StateDirectory& directory_;
  Applier& applier_;
  KeeperEvents* events_ = nullptr;  // Set by Boot().

  const std::unique_ptr<ActivationMarker> marker_;
  Journal journal_;
  HeldView view_;
  State state_ = State::kIdle;

  // Of the update that is being read or applied.
  ViewChange change_;
  UpdateReader reader_;
  bool is_full_ = false;
  int64_t received_at_ns_ = 0;
  std::optional<ViewChange> whole_;  // All of a full one, if the journal needs it.

  std::deque<UpdatePart> waiting_;
  bool has_let_go_ = false;
  bool has_booted_another_ = false;  // The journal's last view was rejected.
  std::string disk_fault_;
  event::Timer trial_timer_;
  event::Timer compact_timer_;
  event::Timer disk_timer_;
};

}  // namespace sluice::sync
