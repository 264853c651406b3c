// sluice-proxy: the only place that knows everything.

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>

#include "base/log.h"
#include "base/version.h"
#include "proxy/main/app.h"
#include "proxy/main/options.h"

namespace sluice::main {
namespace {

// A connection costs two descriptors: use all that the host allows.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Signals are read from a descriptor; threads that are started later inherit the mask.
net::Fd TakeSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return net::Fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "sluice-proxy: %s\nsluice-proxy --help lists the flags\n",
                 std::string(options.status().message()).c_str());
    return 2;
  }
  if (options->help) {
    std::fputs(HelpText().c_str(), stdout);
    return 0;
  }
  if (options->version) {
    std::printf("sluice-proxy %s\n", std::string(kVersion).c_str());
    return 0;
  }
  net::Fd signals = TakeSignals();
  RaiseDescriptorLimit();
  SystemClock clock;
  App app(clock, *options, std::move(signals));
  if (absl::Status status = app.Start(); !status.ok()) {
    LOG(ERROR) << status.message();
    return 1;
  }
  return app.Run();
}

}  // namespace
}  // namespace sluice::main

int main(int argc, char** argv) { return sluice::main::Main(argc, argv); }
