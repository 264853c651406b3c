#include "proxy/main/options.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/flags.h"
#include "base/status_macros.h"

namespace sluice::main {
namespace {

constexpr uint64_t kMaxWorkers = 256;
// Below it a worker would shed in ordinary use: it reads 64 KiB at a time.
constexpr uint64_t kLeastBufferMemory = uint64_t{1} << 20;

Flags MakeFlags(Options& options) {
  Flags flags("sluice-proxy", "serves traffic as a control plane, or a file, says.");
  flags.Strings("control-plane", "HOST:PORT,...", "where the configuration comes from",
                &options.control_planes);
  flags.String("control-plane-ca", "FILE",
               "speaks TLS to the control plane, whose certificate must be of these (PEM)",
               &options.tls.ca);
  flags.String("control-plane-cert", "FILE",
               "shows it this certificate (PEM), with the URI sluice://proxy/GROUPS/NODE",
               &options.tls.certificate);
  flags.String("control-plane-key", "FILE", "its private key (PEM)", &options.tls.key);
  flags.String("control-plane-name", "NAME",
               "the name its certificate must have, if not that of --control-plane",
               &options.tls.name);
  flags.String("state-dir", "DIR", "where the last configuration is kept", &options.state_dir);
  flags.String("config", "FILE", "serve this file instead, reload it on change", &options.config);
  flags.String("node", "NAME", "name of this proxy", &options.node);
  flags.Strings("groups", "A,B", "groups that this proxy is in", &options.groups);
  flags.String("zone", "ZONE", "where this proxy is: upstreams may prefer endpoints there",
               &options.zone);
  flags.String("admin-listen", "IP:PORT", "address of the read-only admin pages",
               &options.admin_listen);
  flags.Strings("admin-allowed-host", "NAME",
                "another name under which the admin pages are reached",
                &options.admin_allowed_hosts);
  flags.Uint("workers", "N", "threads that serve; 0 is one a processor", &options.workers);
  flags.Size("buffer-memory",
             "bound on heads and bodies under way, all workers; 0 is 256MiB each, at most half of "
             "the memory limit",
             &options.buffer_memory);
  flags.Size("memory-limit",
             "memory of the process; near it the proxy sheds load; 0 is the limit of its control "
             "group, or what the machine has",
             &options.memory_limit);
  flags.Bool("no-overload-protection", "sheds nothing before memory or descriptors are spent",
             &options.no_overload_protection);
  flags.Duration("drain-timeout", "how long SIGTERM waits for requests", &options.drain_timeout);
  flags.Bool("takeover", "takes the place of the process that has --state-dir, if there is one",
             &options.takeover);
  flags.Bool("detach", "goes on in the background once it serves; fails if it cannot",
             &options.detach);
  flags.Bool("version", "print the version and exit", &options.version);
  flags.Bool("help", "print this and exit", &options.help);
  return flags;
}

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

// Processors that this process may run on: in a container fewer than the machine has.
uint64_t Processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<uint64_t>(std::max(1, CPU_COUNT(&set)));
}

absl::Status CheckTls(const Options& options) {
  const ControlPlaneTls::Paths& tls = options.tls;
  if (tls.certificate.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError(
        "--control-plane-cert and --control-plane-key: want both or neither");
  }
  if (tls.ca.empty() && !(tls.certificate.empty() && tls.name.empty())) {
    return absl::InvalidArgumentError(
        "--control-plane-ca: needed with --control-plane-cert and --control-plane-name");
  }
  if (!tls.ca.empty() && options.control_planes.empty()) {
    return absl::InvalidArgumentError("--control-plane-ca: there is no --control-plane");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv) {
  Options options;
  options.node = HostName();
  Flags flags = MakeFlags(options);
  ASSIGN_OR_RETURN(const std::vector<std::string> rest, flags.Parse(argc, argv));
  if (options.version || options.help) return options;
  if (!rest.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("unexpected argument \"", rest[0], "\""));
  }
  if (options.config.empty() == options.control_planes.empty()) {
    return absl::InvalidArgumentError("give either --control-plane or --config");
  }
  if (!options.control_planes.empty() && options.state_dir.empty()) {
    return absl::InvalidArgumentError(
        "--state-dir: needed with --control-plane, to start when that is down");
  }
  if (options.takeover && options.state_dir.empty()) {
    return absl::InvalidArgumentError("--takeover: needs --state-dir, of which it takes over");
  }
  RETURN_IF_ERROR(CheckTls(options));
  if (options.workers > kMaxWorkers) {
    return absl::InvalidArgumentError(absl::StrCat("--workers: at most ", kMaxWorkers));
  }
  if (options.workers == 0) options.workers = Processors();
  if (options.buffer_memory > 0 && options.buffer_memory / options.workers < kLeastBufferMemory) {
    return absl::InvalidArgumentError(
        absl::StrCat("--buffer-memory: at least 1MiB for each of ", options.workers, " workers"));
  }
  return options;
}

std::string HelpText() {
  Options options;
  return MakeFlags(options).Help();
}

}  // namespace sluice::main
