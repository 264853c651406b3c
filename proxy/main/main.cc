// sluice-proxy: the only place that knows everything.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>

#include "base/log.h"
#include "base/version.h"
#include "proxy/main/app.h"
#include "proxy/main/options.h"
#include "proxy/main/service_manager.h"

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

// In the parent: the exit status, once the child is ready or has failed. In the child: nothing; it
// is to call `on_ready`.
std::optional<int> Detach(std::function<void()>& on_ready) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return 1;
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    close(ends[0]);
    setsid();
    on_ready = [fd = ends[1]] {
      // Nobody who listens is no fault of ours.
      [[maybe_unused]] const ssize_t written = write(fd, "", 1);
      close(fd);
    };
    return std::nullopt;
  }
  close(ends[1]);
  char byte;
  if (read(ends[0], &byte, 1) == 1) return 0;
  int status = 0;
  const bool has_exited = waitpid(child, &status, 0) == child && WIFEXITED(status);
  return has_exited && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1;
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
  App::Start start;
  if (options->detach) {
    std::optional<int> status = Detach(start.on_ready);
    if (status.has_value()) return *status;
  } else {
    start.on_ready = [] { NotifyServiceManager("READY=1"); };
  }
  start.sockets = TakeGivenSockets();
  start.signals = TakeSignals();
  RaiseDescriptorLimit();
  SystemClock clock;
  App app(clock, *options, std::move(start));
  if (absl::Status status = app.Begin(); !status.ok()) {
    LOG(ERROR) << status.message();
    return 1;
  }
  return app.Run();
}

}  // namespace
}  // namespace sluice::main

int main(int argc, char** argv) { return sluice::main::Main(argc, argv); }
