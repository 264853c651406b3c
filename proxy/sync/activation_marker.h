// Remembers over a crash which generation was on trial: one that crashes the proxy twice is not
// applied again.
//
// A crash is a death by SIGSEGV, SIGABRT, SIGBUS, SIGILL or SIGFPE, of which the handler leaves a
// mark, or by the kernel's out-of-memory killer, of which its counter tells. A plain SIGKILL or a
// power loss says nothing about the configuration and does not count.
//
// File "activation" of the state directory, 512 bytes, written in place: a process that dies loses
// nothing of it, and after a power loss it does not count.
//
// Thread: one, the build thread's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proxy/sync/state_directory.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

// What tells deaths apart.
struct MachineState {
  std::string boot_id;     // Changes when the machine starts.
  uint64_t oom_kills = 0;  // Since then, of any process.
};
MachineState ReadMachineState();

class ActivationMarker {
 public:
  // How long a generation is on trial.
  static constexpr absl::Duration kTrial = absl::Seconds(60);
  // Crashes on trial after which it is condemned.
  static constexpr uint32_t kCrashes = 2;

  // Reads what the process before left and judges it. An unreadable file counts as none.
  static absl::StatusOr<std::unique_ptr<ActivationMarker>> Open(const StateDirectory& directory,
                                                                const MachineState& machine);
  ~ActivationMarker();
  ActivationMarker(const ActivationMarker&) = delete;
  ActivationMarker& operator=(const ActivationMarker&) = delete;

  // The generation that crashed this build twice: its content must not be applied.
  const std::optional<Generation>& condemned() const { return state_.condemned; }

  // Call before `generation` is applied. What was on trial before is not any more.
  void Begin(const Generation& generation);
  // The trial is over: time has passed, it was rejected, or the process ends in order.
  void End();

  // Another process writes the file meanwhile: a crash of this one leaves no mark. Nothing is on
  // trial.
  void Suspend();
  // That process is gone, and what it left does not count.
  void Resume();

  // Makes crashes of this process leave their mark. Process-wide and for one marker at a time: only
  // a program calls it, not a library.
  void RecordCrashes();

 private:
  // Generations are compared by their content: a later number does not make it better.
  struct State {
    std::optional<Generation> trial;
    std::optional<Generation> suspect;  // The last that crashed. Others may be on trial between.
    uint32_t crashes = 0;               // Of the suspect.
    std::optional<Generation> condemned;
  };

  ActivationMarker(int fd, const MachineState& machine) : fd_(fd), machine_(machine) {}

  void Judge();
  void NoteCrash();
  // What is on trial has crashed before.
  bool IsSuspect() const;
  void Write();

  const int fd_;
  const MachineState machine_;
  State state_;
  bool records_crashes_ = false;
};

}  // namespace sluice::sync
