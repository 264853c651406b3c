// fleet-sim: many proxies in one process, to measure how a control plane serves them.
//
//   fleet-sim --control-plane 127.0.0.1:9400 --proxies 1000 --routes 10000 --watch PID
//
// Loads the routes, connects the proxies, changes one route after the other and waits for all
// proxies each time, then closes all streams and connects again with what each holds. The result
// is one line of JSON on standard output. Exit status: 0 done; 1 it could not be measured; 2 usage.
#include <sys/resource.h>

#include <cstdio>
#include <iostream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/flags.h"
#include "base/status_macros.h"
#include "tools/bench/fleet/committer.h"
#include "tools/bench/fleet/fleet_record.h"
#include "tools/bench/fleet/sim_proxy.h"
#include "tools/bench/hairpin/cpu_account.h"

namespace sluice::fleet_sim {
namespace {

struct Settings {
  std::string control_plane = "127.0.0.1:9400";
  uint64_t proxies = 1000;
  uint64_t routes = 10000;
  uint64_t commits = 100;
  absl::Duration pause = absl::Milliseconds(20);
  absl::Duration patience = absl::Seconds(120);
  uint64_t watch = 0;
  bool help = false;
};

class Simulation {
 public:
  explicit Simulation(const Settings& settings)
      : settings_(settings), committer_(settings.control_plane) {
    for (uint64_t i = 0; i < settings.proxies; ++i) {
      proxies_.push_back(
          std::make_unique<SimProxy>(settings.control_plane, absl::StrCat("sim-", i), record_));
    }
  }

  absl::Status Run() {
    RETURN_IF_ERROR(Connect());
    const absl::Status measured = Measure();
    // Streams must have ended before what they call goes.
    const absl::Status closed = CloseAll();
    return measured.ok() ? closed : measured;
  }

  std::string ResultJson() const {
    const hairpin::Histogram latency = record_.latency();
    const auto millis = [&](double quantile) {
      return static_cast<double>(latency.Quantile(quantile)) / 1e6;
    };
    return absl::StrFormat(
        "{\"proxies\": %d, \"routes\": %d, \"commits\": %d, \"pairs\": %d, "
        "\"commit_to_active_ms\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"max\": %.2f}, "
        "\"apply_ms\": {\"p50\": %.2f, \"p99\": %.2f}, \"load_seconds\": %.3f, "
        "\"connect_seconds\": %.3f, \"update_bytes_per_proxy_and_commit\": %.1f, "
        "\"cpu_ms_per_commit\": %.2f, \"reconnect\": {\"seconds\": %.3f, \"cpu_seconds\": %.3f, "
        "\"updates\": %d}}",
        settings_.proxies, settings_.routes, settings_.commits, latency.count(), millis(0.5),
        millis(0.9), millis(0.99), static_cast<double>(latency.max()) / 1e6,
        static_cast<double>(apply_.Quantile(0.5)) / 1e6,
        static_cast<double>(apply_.Quantile(0.99)) / 1e6, absl::ToDoubleSeconds(load_),
        absl::ToDoubleSeconds(connect_), bytes_per_change_, cpu_ms_per_commit_,
        absl::ToDoubleSeconds(reconnect_), reconnect_cpu_seconds_, reconnect_updates_);
  }

 private:
  absl::Status Connect() {
    const absl::Time begin = absl::Now();
    ASSIGN_OR_RETURN(const uint64_t generation, committer_.Load(settings_.routes));
    load_ = absl::Now() - begin;
    const absl::Time connecting = absl::Now();
    for (const auto& proxy : proxies_) proxy->Open();
    if (!record_.AwaitActive(generation, proxies_.size(), settings_.patience)) {
      return Late("the first generation");
    }
    connect_ = absl::Now() - connecting;
    return absl::OkStatus();
  }

  absl::Status Measure() {
    RETURN_IF_ERROR(Change());
    return Reconnect();
  }

  absl::Status Change() {
    record_.StartMeasuring();
    const uint64_t bytes = Sum(&SimProxy::update_bytes);
    const uint64_t cpu = Cpu();
    for (uint64_t i = 0; i < settings_.commits; ++i) {
      const absl::Time begin = absl::Now();
      ASSIGN_OR_RETURN(const uint64_t generation, committer_.ChangeOne(i));
      apply_.Record(absl::ToInt64Nanoseconds(absl::Now() - begin));
      if (!record_.AwaitActive(generation, proxies_.size(), settings_.patience)) {
        return Late(absl::StrCat("generation ", generation));
      }
      absl::SleepFor(settings_.pause);
    }
    const double commits = static_cast<double>(settings_.commits);
    bytes_per_change_ = static_cast<double>(Sum(&SimProxy::update_bytes) - bytes) / commits /
                        static_cast<double>(proxies_.size());
    cpu_ms_per_commit_ = static_cast<double>(Cpu() - cpu) / 1e3 / commits;
    return absl::OkStatus();
  }

  absl::Status Reconnect() {
    RETURN_IF_ERROR(CloseAll());
    record_.Restart();
    const uint64_t updates = Sum(&SimProxy::updates);
    const uint64_t cpu = Cpu();
    const absl::Time begin = absl::Now();
    for (const auto& proxy : proxies_) proxy->Open();
    if (!record_.AwaitWelcomes(proxies_.size(), settings_.patience)) return Late("a welcome");
    reconnect_ = absl::Now() - begin;
    // An update that should not come would come now.
    absl::SleepFor(absl::Seconds(2));
    reconnect_cpu_seconds_ = static_cast<double>(Cpu() - cpu) / 1e6;
    reconnect_updates_ = Sum(&SimProxy::updates) - updates;
    return absl::OkStatus();
  }

  absl::Status CloseAll() {
    record_.Restart();
    for (const auto& proxy : proxies_) proxy->Close();
    if (!record_.AwaitEnds(proxies_.size(), settings_.patience)) return Late("the end of a stream");
    const std::string failure = record_.first_failure();
    return failure.empty() ? absl::OkStatus()
                           : absl::UnavailableError(absl::StrCat("a stream broke: ", failure));
  }

  absl::Status Late(absl::string_view what) const {
    return absl::DeadlineExceededError(absl::StrCat("not all proxies had ", what, " after ",
                                                    absl::FormatDuration(settings_.patience), " ",
                                                    record_.first_failure()));
  }

  uint64_t Sum(uint64_t (SimProxy::*count)() const) const {
    uint64_t sum = 0;
    for (const auto& proxy : proxies_) sum += (*proxy.*count)();
    return sum;
  }

  uint64_t Cpu() const {
    const pid_t pid = static_cast<pid_t>(settings_.watch);
    return pid == 0 ? 0 : hairpin::CpuMicros({&pid, 1});
  }

  const Settings& settings_;
  FleetRecord record_;
  Committer committer_;
  std::vector<std::unique_ptr<SimProxy>> proxies_;
  hairpin::Histogram apply_;
  absl::Duration load_;
  absl::Duration connect_;
  absl::Duration reconnect_;
  double bytes_per_change_ = 0;
  double cpu_ms_per_commit_ = 0;
  double reconnect_cpu_seconds_ = 0;
  uint64_t reconnect_updates_ = 0;
};

void RaiseFileLimit() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Main(int argc, char** argv) {
  Settings settings;
  Flags flags("fleet-sim", "Many proxies in one process.");
  flags.String("control-plane", "HOST:PORT", "under test", &settings.control_plane);
  flags.Uint("proxies", "N", "streams, each on a connection of its own", &settings.proxies);
  flags.Uint("routes", "N", "loaded before", &settings.routes);
  flags.Uint("commits", "N", "of one changed route each", &settings.commits);
  flags.Duration("pause", "between a generation that all have and the next commit",
                 &settings.pause);
  flags.Duration("patience", "for any step", &settings.patience);
  flags.Uint("watch", "PID", "count the CPU time of this process", &settings.watch);
  flags.Bool("help", "this text", &settings.help);
  const auto rest = flags.Parse(argc, argv);
  if (!rest.ok() || !rest->empty() || settings.routes == 0) {
    std::cerr << "fleet-sim: " << (rest.ok() ? "see --help" : rest.status().message()) << "\n";
    return 2;
  }
  if (settings.help) {
    std::cout << flags.Help();
    return 0;
  }
  RaiseFileLimit();
  Simulation simulation(settings);
  if (const absl::Status status = simulation.Run(); !status.ok()) {
    std::cerr << "fleet-sim: " << status.message() << "\n";
    // Streams that have not ended would call into what is gone.
    std::fflush(nullptr);
    std::quick_exit(1);
  }
  std::cout << simulation.ResultJson() << std::endl;
  return 0;
}

}  // namespace
}  // namespace sluice::fleet_sim

int main(int argc, char** argv) { return sluice::fleet_sim::Main(argc, argv); }
