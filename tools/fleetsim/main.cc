// Simulates a fleet of proxies against a control plane that runs, and measures what it takes to
// reach them.
//
//   bin/sluice-controlplane --data-dir /tmp/d &
//   fleetsim --server 127.0.0.1:9400 --pid $! --proxies 1000 --routes 10000
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api/validate/plugins/registry.h"
#include "base/flags.h"
#include "sluice/v1/admin.grpc.pb.h"
#include "tools/fleetsim/fleet_log.h"
#include "tools/fleetsim/proc.h"
#include "tools/fleetsim/simulated_proxy.h"

namespace sluice::fleetsim {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(5);
constexpr int kUpstreams = 100;

struct Options {
  std::string server = "127.0.0.1:9400";
  std::string pid;
  uint64_t proxies = 1000;
  uint64_t routes = 10'000;
  uint64_t commits = 100;
  absl::Duration interval = absl::Milliseconds(100);
  bool cold = false;
  bool help = false;
};

double Milliseconds(absl::Duration duration) { return absl::ToDoubleMilliseconds(duration); }

v1::Resource Route(uint64_t number, uint64_t version) {
  v1::Resource resource;
  resource.set_name(absl::StrCat("fleetsim-", number));
  resource.set_description(absl::StrCat("version ", version));
  v1::Route& route = *resource.mutable_route();
  route.add_hosts(absl::StrCat("host", number % 1000, ".example"));
  route.add_paths(absl::StrCat("/service-", number, "/*"));
  route.set_upstream(absl::StrCat("fleetsim-", number % kUpstreams));
  return resource;
}

v1::Resource Upstream(uint64_t number) {
  v1::Resource resource;
  resource.set_name(absl::StrCat("fleetsim-", number));
  resource.mutable_upstream()->add_endpoints()->set_address(
      absl::StrCat("10.0.", number, ".1:8080"));
  return resource;
}

class Admin {
 public:
  explicit Admin(const std::string& server)
      : stub_(v1::Admin::NewStub(grpc::CreateChannel(server, grpc::InsecureChannelCredentials()))) {
  }

  // The generation; 0, with a word on standard error, if it was refused.
  uint64_t Apply(const std::vector<v1::Resource>& resources) {
    grpc::ClientContext context;
    v1::ApplyResponse response;
    const auto writer = stub_->Apply(&context, &response);
    v1::ApplyRequest request;
    request.mutable_options()->set_author("fleetsim");
    for (const v1::Resource& resource : resources) {
      *request.add_items()->mutable_resource() = resource;
      if (request.items_size() < 1000) continue;
      writer->Write(request);
      request.Clear();
    }
    request.set_last(true);
    writer->Write(request);
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    if (!status.ok()) std::cerr << "apply: " << status.error_message() << "\n";
    return status.ok() ? response.generation() : 0;
  }

 private:
  const std::unique_ptr<v1::Admin::Stub> stub_;
};

// Until `count(counts)` is `wanted`; false if it does not come to that.
bool Await(const FleetLog& log, uint64_t FleetLog::Counts::*count, uint64_t wanted) {
  const absl::Time give_up = absl::Now() + kPatience;
  while (log.counts().*count < wanted) {
    if (absl::Now() > give_up) {
      std::cerr << "gave up at " << log.counts().*count << " of " << wanted << "\n";
      return false;
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

class Simulation {
 public:
  explicit Simulation(const Options& options) : options_(options), admin_(options.server) {
    std::vector<std::string> plugins;
    for (const validate::Plugin& plugin : validate::Plugins()) plugins.push_back(plugin.name);
    for (uint64_t i = 0; i < options.proxies; ++i) {
      fleet_.push_back(std::make_unique<SimulatedProxy>(
          options.server, absl::StrCat("fleetsim-", i), plugins, log_));
    }
  }

  bool Run() {
    const bool ok = Load() && ConnectAll() && MeasurePush() && MeasureReconnect();
    if (!options_.pid.empty()) {
      std::printf("control plane memory: %.0f MiB now, %.0f MiB at most\n",
                  static_cast<double>(MemoryOf(options_.pid, "VmRSS")) / (1 << 20),
                  static_cast<double>(MemoryOf(options_.pid, "VmHWM")) / (1 << 20));
    }
    return ok;
  }

 private:
  bool Load() {
    std::vector<v1::Resource> resources;
    for (uint64_t i = 0; i < kUpstreams; ++i) resources.push_back(Upstream(i));
    for (uint64_t i = 0; i < options_.routes; ++i) resources.push_back(Route(i, 0));
    const absl::Time start = absl::Now();
    if (admin_.Apply(resources) == 0) return false;
    std::printf("%zu resources applied in %.0f ms\n", resources.size(),
                Milliseconds(absl::Now() - start));
    return true;
  }

  // The first proxy loads everything. The others say that they hold the same, as after a restart
  // of the control plane; with --cold they load it too.
  bool ConnectAll() {
    fleet_[0]->Connect(std::nullopt);
    if (!Await(log_, &FleetLog::Counts::active, 1)) return false;
    const auto held = options_.cold ? std::nullopt : fleet_[0]->held();
    const absl::Time start = absl::Now();
    for (size_t i = 1; i < fleet_.size(); ++i) fleet_[i]->Connect(held);
    if (!Await(log_, &FleetLog::Counts::welcomes, fleet_.size())) return false;
    if (options_.cold && !Await(log_, &FleetLog::Counts::active, fleet_.size())) return false;
    std::printf("%zu proxies connected in %.0f ms, %.1f MB of updates\n", fleet_.size(),
                Milliseconds(absl::Now() - start),
                static_cast<double>(log_.counts().message_bytes) / 1e6);
    return true;
  }

  bool MeasurePush() {
    log_.Reset();
    const uint64_t wire_before = LoopbackBytes();
    const absl::Duration cpu_before = CpuTimeOf(options_.pid);
    const absl::Time start = absl::Now();
    uint64_t newest = 0;
    for (uint64_t i = 0; i < options_.commits; ++i) {
      const absl::Time now = absl::Now();
      newest = admin_.Apply({Route(i * 7919 % std::max<uint64_t>(options_.routes, 1), i + 1)});
      if (newest == 0) return false;
      log_.OnCommit(newest, now);
      absl::SleepFor(now + options_.interval - absl::Now());
    }
    if (!AwaitHeld(newest)) return false;
    const size_t pairs = fleet_.size() * options_.commits;
    const absl::Duration cpu = CpuTimeOf(options_.pid) - cpu_before;
    const Percentiles latency = PercentilesOf(log_.Latencies());
    const FleetLog::Counts counts = log_.counts();
    std::printf("%lu commits in %.1f s, %zu of %zu pairs of proxy and commit\n", options_.commits,
                absl::ToDoubleSeconds(absl::Now() - start), latency.count, pairs);
    std::printf("commit to active: p50 %.1f ms, p99 %.1f ms, max %.1f ms\n",
                Milliseconds(latency.p50), Milliseconds(latency.p99), Milliseconds(latency.max));
    std::printf("updates: %lu full, %lu delta\n", counts.full_updates, counts.delta_updates);
    const double n = static_cast<double>(pairs);
    std::printf("per proxy and commit: %.0f bytes of messages, %.0f bytes on the wire both ways\n",
                static_cast<double>(counts.message_bytes) / n,
                static_cast<double>(LoopbackBytes() - wire_before) / n);
    std::printf("control plane CPU: %.1f us per proxy and commit\n",
                absl::ToDoubleMicroseconds(cpu) / n);
    return latency.count == pairs;
  }

  // Until every proxy holds the generation.
  bool AwaitHeld(uint64_t generation) {
    const absl::Time give_up = absl::Now() + kPatience;
    for (const auto& proxy : fleet_) {
      while (!proxy->held().has_value() || proxy->held()->number() < generation) {
        if (absl::Now() > give_up) {
          std::cerr << "not every proxy has reached generation " << generation << "\n";
          return false;
        }
        absl::SleepFor(absl::Milliseconds(1));
      }
    }
    return true;
  }

  bool MeasureReconnect() {
    const auto held = fleet_[0]->held();
    for (const auto& proxy : fleet_) proxy->Disconnect();
    absl::SleepFor(absl::Seconds(1));  // The control plane finds out about the last ones.
    log_.Reset();
    const absl::Duration cpu_before = CpuTimeOf(options_.pid);
    const absl::Time start = absl::Now();
    for (const auto& proxy : fleet_) proxy->Connect(held);
    if (!Await(log_, &FleetLog::Counts::welcomes, fleet_.size())) return false;
    const absl::Duration took = absl::Now() - start;
    absl::SleepFor(absl::Seconds(1));  // An update that should not come has time to.
    const FleetLog::Counts counts = log_.counts();
    std::printf("%zu reconnects in %.0f ms: %.0f ms of control plane CPU, %lu updates\n",
                fleet_.size(), Milliseconds(took),
                Milliseconds(CpuTimeOf(options_.pid) - cpu_before),
                counts.full_updates + counts.delta_updates);
    return counts.full_updates + counts.delta_updates == 0;
  }

  const Options& options_;
  Admin admin_;
  FleetLog log_;
  std::vector<std::unique_ptr<SimulatedProxy>> fleet_;
};

int Main(int argc, const char* const* argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // Each line as soon as it is known.
  Options options;
  Flags flags("fleetsim", "A fleet of simulated proxies, to measure a control plane.");
  flags.String("server", "HOST:PORT", "the control plane", &options.server);
  flags.String("pid", "PID", "of the control plane, for its CPU time and memory", &options.pid);
  flags.Uint("proxies", "N", "connections, one proxy each", &options.proxies);
  flags.Uint("routes", "N", "routes to load first", &options.routes);
  flags.Uint("commits", "N", "changes of one route each", &options.commits);
  flags.Duration("interval", "between two changes", &options.interval);
  flags.Bool("cold", "every proxy loads everything when it first connects", &options.cold);
  flags.Bool("help", "shows this", &options.help);
  const auto rest = flags.Parse(argc, argv);
  if (!rest.ok() || !rest->empty()) {
    std::cerr << (rest.ok() ? absl::StrCat("unknown argument ", rest->front())
                            : std::string(rest.status().message()))
              << "\n";
    return 2;
  }
  if (options.help) {
    std::cout << flags.Help();
    return 0;
  }
  if (options.proxies == 0) {
    std::cerr << "--proxies: must be at least 1\n";
    return 2;
  }
  return Simulation(options).Run() ? 0 : 1;
}

}  // namespace
}  // namespace sluice::fleetsim

int main(int argc, char** argv) { return sluice::fleetsim::Main(argc, argv); }
