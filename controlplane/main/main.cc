// sluice-controlplane.
#include <pthread.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/version.h"
#include "controlplane/main/options.h"
#include "controlplane/main/program.h"

namespace sluice::main {
namespace {

// A connection costs a descriptor: use all that the host allows.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Threads that are started later inherit the mask, so that only WaitForEnd() sees them.
sigset_t TakeSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void WaitForEnd(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  // A second one ends at once: what was acknowledged is on the disk.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  LOG(INFO) << "shutting down";
}

int Main(int argc, char** argv) {
  // Debian's Abseil looks for circles among gRPC's locks at every one that is taken: 5 % of our
  // time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "sluice-controlplane: %s\nsluice-controlplane --help lists the flags\n",
                 std::string(options.status().message()).c_str());
    return 2;
  }
  if (options->help) {
    std::fputs(HelpText().c_str(), stdout);
    return 0;
  }
  if (options->version) {
    std::printf("sluice-controlplane %s\n", std::string(kVersion).c_str());
    return 0;
  }
  const sigset_t signals = TakeSignals();
  RaiseDescriptorLimit();
  absl::StatusOr<std::unique_ptr<Program>> program = Program::Start(*options);
  if (!program.ok()) {
    LOG(ERROR) << program.status().message();
    return 1;
  }
  LOG(INFO) << "listening on " << (*program)->grpc_address().ToString() << " (gRPC)";
  LOG(INFO) << "listening on " << (*program)->http_address().ToString() << " (HTTP)";
  WaitForEnd(signals);
  program->reset();
  return 0;
}

}  // namespace
}  // namespace sluice::main

int main(int argc, char** argv) { return sluice::main::Main(argc, argv); }
