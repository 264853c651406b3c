#include "proxy/main/app.h"

#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "proxy/main/service_manager.h"

namespace sluice::main {
namespace {

// Of the control thread: pages and the stream to the control plane.
constexpr size_t kControlBufferBytes = size_t{512} << 20;
constexpr int64_t kTickNs = 1'000'000'000;
// Of a worker. With less it would shed in ordinary use.
constexpr size_t kLeastBufferBytes = size_t{1} << 20;
// Of those that are not well, in a report: enough to see which they are.
constexpr size_t kReportedEndpoints = 20;

uint64_t RandomNumber() {
  uint64_t number = 0;
  // Fails only before the kernel's pool is filled; 0 is then as good as any.
  [[maybe_unused]] const ssize_t got = getrandom(&number, sizeof(number), 0);
  return number;
}

resource::Problem ToProblem(const upstream::health::EndpointReport& endpoint) {
  return {.kind = "Upstream",
          .name = endpoint.upstream,
          .field = endpoint.name,
          .problem = absl::StrCat(
              endpoint.name == endpoint.address ? "" : absl::StrCat(endpoint.address, " "),
              upstream::health::FlagNames(endpoint.flags), endpoint.error.empty() ? "" : ": ",
              endpoint.error.substr(0, 200))};
}

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

}  // namespace

App::App(const Clock& clock, const Options& options, Start start)
    : clock_(clock),
      options_(options),
      start_(std::move(start)),
      loop_(clock),
      pool_(kControlBufferBytes),
      io_(loop_, pool_),
      log_(clock),
      counters_(clock, plugins::HashKey::Random()),
      registry_(counters_),
      resolver_(loop_),
      health_(io_, metrics_.AddWorker(), RandomNumber()),
      figures_(metrics_),
      memory_limit_(options_.memory_limit),
      actions_([this] { return Drain(); },
               [this](double percent) { return InjectPressure(percent); }),
      drain_timer_(loop_.timers(), &event::Timer::Call<App, &App::OnDrainTimeout>, this),
      idle_timer_(loop_.timers(), &event::Timer::Call<App, &App::OnIdleTimeout>, this),
      tick_(loop_.timers(), &event::Timer::Call<App, &App::OnTick>, this) {
  state_.node = options_.node;
  state_.groups = options_.groups;
}

App::~App() {
  // Threads first, then what they use, from the outside in.
  for (auto& worker : workers_) worker->Join();
  if (build_ != nullptr) build_->Join();
  health_.Stop();
  loop_.RunOnce(absl::ZeroDuration());
  handover_.reset();
  succession_.reset();
  sync_.client.reset();
  sync_.keeper.reset();
  admin_.reset();
  control_.reset();
  file_.reset();
  lookups_.clear();
  watches_.clear();
  workers_.clear();
}

absl::Status App::Begin() {
  RETURN_IF_ERROR(loop_.Init());
  RETURN_IF_ERROR(loop_.Add(start_.signals.get(), *this, EPOLLIN));
  RETURN_IF_ERROR(resolver_.Init());
  RETURN_IF_ERROR(OpenStateDirectory());
  MakeWorkers();
  RETURN_IF_ERROR(StartAdmin());
  if (overload_ != nullptr) overload_->Start();
  for (const auto& worker : workers_) RETURN_IF_ERROR(worker->Start());
  tick_.SetAt(loop_.now_ns() + kTickNs);
  if (succession_ != nullptr) RETURN_IF_ERROR(StartSuccession());
  RETURN_IF_ERROR(options_.config.empty() ? StartSync() : StartFile());
  if (succession_ == nullptr) return ListenInStateDirectory();
  // The one before has its stream until it is told to go.
  if (sync_.client != nullptr) sync_.client->Stop();
  return absl::OkStatus();
}

absl::Status App::StartAdmin() {
  const auto address = net::Address::Parse(options_.admin_listen);
  if (!address) {
    return absl::InvalidArgumentError(
        absl::StrCat("--admin-listen: want IP:PORT, got \"", options_.admin_listen, "\""));
  }
  std::vector<std::string> names = options_.admin_allowed_hosts;
  names.push_back(HostName());
  admin_ = std::make_unique<server::AdminServer>(
      io_, *pages_,
      server::AdminServer::Access{.hosts = KnownHosts(address->ip().ToString(), names)});
  // Until it goes, the one before answers there: its pages are of what is served.
  const bool is_inherited = succession_ != nullptr &&
                            succession_->inheritance().admin_address == options_.admin_listen &&
                            succession_->inheritance().admin.is_open();
  if (is_inherited) return absl::OkStatus();
  const auto given = std::find_if(start_.sockets.begin(), start_.sockets.end(),
                                  [&](const server::GivenSocket& socket) {
                                    return socket.name == "admin" || socket.address == *address;
                                  });
  const absl::Status started = given == start_.sockets.end()
                                   ? admin_->Start(*address)
                                   : admin_->Start(net::Duplicate(given->fd.get()));
  if (!started.ok()) {
    return absl::Status(started.code(), absl::StrCat("--admin-listen: ", started.message()));
  }
  LOG(INFO) << "admin pages on http://" << admin_->address().ToString();
  return absl::OkStatus();
}

size_t App::BufferBytesOfWorker() const {
  if (options_.buffer_memory > 0) return options_.buffer_memory / options_.workers;
  if (memory_limit_.bytes() == 0) return server::Worker::kDefaultBufferBytes;
  // Half of the memory at most, or the kernel would end the proxy before it sheds.
  return std::clamp<size_t>(memory_limit_.bytes() / 2 / options_.workers, kLeastBufferBytes,
                            server::Worker::kDefaultBufferBytes);
}

bool App::InjectPressure(double percent) {
  if (overload_ == nullptr) return false;
  overload_->Inject(percent);
  return true;
}

void App::MakeWorkers() {
  std::vector<server::Worker*> borrowed;
  const size_t buffer_bytes = BufferBytesOfWorker();
  for (uint64_t i = 0; i < options_.workers; ++i) {
    workers_.push_back(std::make_unique<server::Worker>(
        clock_, metrics_, log_,
        server::Worker::Options{.name = absl::StrCat("worker-", i),
                                .node = options_.node,
                                .hostname = HostName(),
                                .seed = RandomNumber(),
                                .buffer_budget_bytes = buffer_bytes}));
    borrowed.push_back(workers_.back().get());
  }
  if (!options_.no_overload_protection) {
    overload_ = std::make_unique<server::OverloadMonitor>(loop_, memory_limit_, metrics_, borrowed);
  }
  const auto maker = [this](const std::string& name, const google::protobuf::Any& config,
                            const plugins::Declaration& declaration) {
    return registry_.Make(name, config, declaration);
  };
  BuildThread::Hooks hooks;
  hooks.on_faults = [this](const Applied& applied) {
    if (sync_.keeper != nullptr) sync_.keeper->NoteFaults(applied.problems);
    loop_.PostFromAnyThread([this, applied] { OnApplied(applied); });
  };
  hooks.on_names = [this](const std::set<std::string>& names) {
    loop_.PostFromAnyThread([this, names] { WatchNames(names); });
  };
  hooks.on_clusters = [this](const std::vector<runtime::ClusterStep>& steps) {
    std::vector<upstream::health::HealthMonitor::Step> changes;
    for (const runtime::ClusterStep& step : steps) {
      changes.push_back({step.slot, step.settings, step.endpoints});
    }
    loop_.PostFromAnyThread(
        [this, changes = std::move(changes)]() mutable { health_.Apply(std::move(changes)); });
  };
  hooks.on_applied = [this](const Applied& applied) {
    loop_.PostFromAnyThread([this, applied] { OnApplied(applied); });
  };
  build_ = std::make_unique<BuildThread>(clock_, maker, metrics_, log_, borrowed, options_.zone,
                                         std::move(hooks));
  for (server::GivenSocket& socket : start_.sockets) {
    build_->publisher().supply().Give(
        {socket.name, socket.address, net::Duplicate(socket.fd.get())});
  }
  pages_ = std::make_unique<Pages>(
      state_, loop_, Pages::Sources{metrics_, log_, resolver_, counters_, health_, overload_.get()},
      *build_, borrowed);
}

absl::Status App::OpenStateDirectory() {
  if (options_.state_dir.empty()) return absl::OkStatus();
  if (!options_.takeover) {
    ASSIGN_OR_RETURN(directory_, sync::StateDirectory::Open(options_.state_dir));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(Succession::Begun begun, Succession::Begin(options_.state_dir));
  directory_ = std::move(begun.directory);
  succession_ = std::move(begun.succession);
  return absl::OkStatus();
}

absl::Status App::StartFile() {
  state_.source = "file " + options_.config;
  RETURN_IF_ERROR(build_->Start());
  const auto on_problems = [](const std::vector<resource::Problem>& problems) {
    for (const resource::Problem& problem : problems) LOG(ERROR) << resource::ToString(problem);
  };
  file_ = std::make_unique<FileSource>(
      loop_, options_.config,
      [this](runtime::Change change) {
        build_->PostFromAnyThread(
            [this, change = std::move(change)] { build_->Apply(change, [](const Applied&) {}); });
      },
      on_problems);
  if (file_->Start()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(options_.config, ": not a valid configuration"));
}

absl::Status App::StartSync() {
  for (const std::string& address : options_.control_planes) {
    RETURN_IF_ERROR(sync::SyncClient::CheckAddress(address));
  }
  state_.source = "control plane " + absl::StrJoin(options_.control_planes, ", ");
  ASSIGN_OR_RETURN(std::unique_ptr<sync::ActivationMarker> marker,
                   sync::ActivationMarker::Open(*directory_, sync::ReadMachineState()));
  // A generation that crashes the proxy twice is not applied a third time.
  marker->RecordCrashes();
  sync_.applier = std::make_unique<ViewApplier>(*build_);
  RETURN_IF_ERROR(build_->Init());
  sync_.keeper = std::make_unique<sync::Keeper>(build_->loop(), clock_, *directory_,
                                                std::move(marker), *sync_.applier);
  sync::SyncClient::Options options;
  options.control_planes = options_.control_planes;
  if (!options_.tls.ca.empty()) {
    sync_.tls = std::make_unique<ControlPlaneTls>(io_, options_.tls);
    options.secure = [tls = sync_.tls.get()](net::Fd fd, const std::string& host) {
      return tls->Secure(std::move(fd), host);
    };
  }
  options.identity = {.node = options_.node,
                      .groups = options_.groups,
                      .build = std::string(kVersion),
                      .schema = kSchema,
                      .plugins = registry_.names(),
                      .started_at_ns = static_cast<uint64_t>(absl::ToUnixNanos(clock_.Now())),
                      .instance = RandomNumber()};
  sync::ProxyHooks& hooks = *this;
  sync_.client = std::make_unique<sync::SyncClient>(io_, build_->loop(), *sync_.keeper, hooks,
                                                    std::move(options));
  RETURN_IF_ERROR(build_->Start());
  sync_.client->Start();
  return absl::OkStatus();
}

int App::Run() {
  loop_.Run();
  return exit_status_;
}

void App::OnTick() {
  pool_.Trim();
  tick_.SetAt(loop_.now_ns() + kTickNs);
  if (sync_.client == nullptr) return;
  const sync::SyncClient::State& state = sync_.client->state();
  state_.is_connected = state.is_connected;
  if (state.active) state_.view_hash = absl::BytesToHexString(state.active->view_hash);
  state_.persisted_generation = state.persisted ? state.persisted->number : 0;
}

void App::OnApplied(const Applied& applied) {
  for (const resource::Problem& problem : applied.problems) {
    LOG(WARNING) << resource::ToString(problem);
  }
  using observe::ProcessMetric;
  if (!applied.ok) {
    metrics_.Set(ProcessMetric::kConfigRejected, metrics_.Get(ProcessMetric::kConfigRejected) + 1);
    LOG(ERROR) << "generation " << applied.generation << " cannot be served; the one before stays";
    if (succession_ != nullptr) OnNotSucceeded("its configuration cannot be served");
    return;
  }
  if (succession_ != nullptr && !succession_->is_open()) {
    return succession_->OnReady(!unresolved_.empty());
  }
  metrics_.Set(ProcessMetric::kConfigApplyDuration, absl::ToDoubleSeconds(applied.took));
  metrics_.Set(ProcessMetric::kConfigApplied, metrics_.Get(ProcessMetric::kConfigApplied) + 1);
  state_.is_serving = true;
  state_.generation = applied.generation;
  state_.faults.clear();
  for (const resource::Problem& problem : applied.problems) {
    state_.faults.push_back(resource::ToString(problem));
  }
  LOG(INFO) << "serving generation " << applied.generation;
  if (succession_ == nullptr) OnReady();
}

// --- Names ---------------------------------------------------------------------------------------

void App::WatchNames(const std::set<std::string>& names) {
  std::erase_if(watches_, [&](const auto& watch) { return !names.contains(watch.first); });
  std::erase_if(unresolved_, [&](const std::string& host) { return !names.contains(host); });
  for (const std::string& host : names) {
    if (watches_.contains(host)) continue;
    unresolved_.insert(host);
    watches_[host] = resolver_.Resolve(
        host, [this, host](const absl::StatusOr<net::dns::Resolver::Addresses>& addresses) {
          if (addresses.ok()) {
            build_->PostFromAnyThread(
                [this, host, addresses = *addresses] { build_->Resolve(host, addresses); });
          } else {
            LOG(WARNING) << "name \"" << host << "\": " << addresses.status().message();
          }
          unresolved_.erase(host);
          if (unresolved_.empty() && succession_ != nullptr) succession_->OnNamesResolved();
        });
  }
}

void App::Resolve(const std::string& host, OnResolved on_resolved) {
  // The first answer is enough; the watch goes with the next look-up of the name.
  auto once = std::make_shared<OnResolved>(std::move(on_resolved));
  lookups_[host] = resolver_.Resolve(
      host, [once](const absl::StatusOr<net::dns::Resolver::Addresses>& addresses) {
        if (*once != nullptr) std::exchange(*once, nullptr)(addresses);
      });
}

// --- For the control plane -----------------------------------------------------------------------

sync::Figures App::CollectFigures() {
  sync::Figures figures = figures_.Collect();
  const upstream::health::HealthMonitor::Unhealthy unhealthy =
      health_.ListUnhealthy(kReportedEndpoints);
  figures.unhealthy_endpoints = unhealthy.count;
  for (const upstream::health::EndpointReport& endpoint : unhealthy.first) {
    figures.unhealthy.push_back(ToProblem(endpoint));
  }
  return figures;
}

void App::GetPage(const std::string& path, absl::AnyInvocable<void(Page)> done) {
  auto answer = [done = std::move(done)](server::Page page) mutable {
    done({static_cast<uint32_t>(page.status), std::move(page.content_type), std::move(page.body)});
  };
  pages_->GetPage(path, [this, answer = std::move(answer)](server::Page page) mutable {
    server::MakeWhole(loop_, std::move(page), std::move(answer));
  });
}

// --- The end -------------------------------------------------------------------------------------

void App::OnEvents(uint32_t) {
  signalfd_siginfo info;
  while (read(start_.signals.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGHUP) {
      log_.ReopenFromAnyThread();
    } else {
      OnTerminate();
    }
  }
}

void App::OnTerminate() {
  if (!state_.is_draining) NotifyServiceManager("STOPPING=1");
  if (Drain()) return;
  LOG(WARNING) << "told to end while draining: ending at once";
  exit_status_ = 1;
  loop_.StopFromAnyThread();
}

bool App::Drain(server::IdleDrain idle) {
  if (std::exchange(state_.is_draining, true)) return false;
  if (handover_ != nullptr) handover_->Close();
  // What is served does not change any more: a generation that came now would take the routes of
  // requests that still run.
  file_.reset();
  if (sync_.client != nullptr) sync_.client->Stop();
  LOG(INFO) << "draining for at most " << absl::FormatDuration(options_.drain_timeout);
  drain_timer_.SetAt(loop_.now_ns() + absl::ToInt64Nanoseconds(options_.drain_timeout));
  // Half of the time for clients that may come back, half to end what they began.
  idle_timer_.SetAt(loop_.now_ns() + absl::ToInt64Nanoseconds(options_.drain_timeout / 2));
  busy_workers_ = workers_.size();
  for (const auto& worker : workers_) {
    worker->DrainFromAnyThread(idle,
                               [this] { loop_.PostFromAnyThread([this] { OnWorkerIdle(); }); });
  }
  return true;
}

void App::OnWorkerIdle() {
  if (--busy_workers_ > 0) return;
  LOG(INFO) << "drained";
  loop_.StopFromAnyThread();
}

void App::OnIdleTimeout() {
  for (const auto& worker : workers_) worker->CloseIdleFromAnyThread();
}

void App::OnDrainTimeout() {
  LOG(WARNING) << "the drain timeout passed: ending what is left";
  for (const auto& worker : workers_) {
    worker->CutFromAnyThread([this](size_t cut) {
      loop_.PostFromAnyThread([this, cut] {
        if (cut > 0) exit_status_ = 1;
      });
    });
  }
}

}  // namespace sluice::main
