#include "proxy/main/app.h"

#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace sluice::main {
namespace {

uint64_t RandomSeed() {
  uint64_t seed = 0;
  // Fails only before the kernel's pool is filled; a seed of 0 is then as good as any.
  [[maybe_unused]] const ssize_t got = getrandom(&seed, sizeof(seed), 0);
  return seed;
}

}  // namespace

App::App(const Clock& clock, const Options& options, net::Fd signals)
    : clock_(clock),
      options_(options),
      signals_(std::move(signals)),
      loop_(clock),
      counters_(clock, plugins::HashKey::Random()),
      registry_(counters_),
      resolver_(loop_),
      drain_timer_(loop_.timers(), &event::Timer::Call<App, &App::OnDrainTimeout>, this) {}

App::~App() {
  file_.reset();
  watches_.clear();
  // Workers first: nothing may serve what the builder is about to free.
  std::vector<std::unique_ptr<server::Worker>> workers = std::move(workers_);
  for (auto& worker : workers) worker->StopFromAnyThread();
  build_.reset();
}

absl::Status App::Start() {
  RETURN_IF_ERROR(loop_.Init());
  RETURN_IF_ERROR(loop_.Add(signals_.get(), *this, EPOLLIN));
  RETURN_IF_ERROR(resolver_.Init());
  RETURN_IF_ERROR(StartWorkers());
  return StartSource();
}

absl::Status App::StartWorkers() {
  std::vector<server::Worker*> borrowed;
  for (uint64_t i = 0; i < options_.workers; ++i) {
    workers_.push_back(
        std::make_unique<server::Worker>(clock_, metrics_, server::Worker::Options{RandomSeed()}));
    borrowed.push_back(workers_.back().get());
  }
  build_ = std::make_unique<BuildThread>(
      clock_,
      [this](const std::string& name, const google::protobuf::Any& config,
             const plugins::Declaration& declaration) {
        return registry_.Make(name, config, declaration);
      },
      metrics_, borrowed,
      BuildThread::Hooks{.on_faults = [](const Applied&) {},
                         .on_names = [this](const std::set<std::string>& names) {
                           loop_.PostFromAnyThread([this, names] { WatchNames(names); });
                         }});
  for (const auto& worker : workers_) RETURN_IF_ERROR(worker->Start());
  return build_->Start();
}

absl::Status App::StartSource() {
  const auto on_problems = [](const std::vector<resource::Problem>& problems) {
    for (const resource::Problem& problem : problems) LOG(ERROR) << resource::ToString(problem);
  };
  file_ = std::make_unique<FileSource>(
      loop_, options_.config,
      [this](runtime::Change change) {
        build_->PostFromAnyThread([this, change = std::move(change)] {
          build_->Apply(change, [this, generation = change.generation](const Applied& applied) {
            loop_.PostFromAnyThread([this, applied, generation] { OnApplied(applied, generation); });
          });
        });
      },
      on_problems);
  if (file_->Start()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(options_.config, ": not a valid configuration"));
}

void App::WatchNames(const std::set<std::string>& names) {
  std::erase_if(watches_, [&](const auto& watch) { return !names.contains(watch.first); });
  for (const std::string& host : names) {
    if (watches_.contains(host)) continue;
    watches_[host] = resolver_.Resolve(
        host, [this, host](const absl::StatusOr<net::dns::Resolver::Addresses>& addresses) {
          if (!addresses.ok()) {
            LOG(WARNING) << "name \"" << host << "\": " << addresses.status().message();
            return;
          }
          build_->PostFromAnyThread(
              [this, host, addresses = *addresses] { build_->Resolve(host, addresses); });
        });
  }
}

void App::OnApplied(const Applied& applied, uint64_t generation) {
  for (const resource::Problem& problem : applied.problems) {
    LOG(WARNING) << resource::ToString(problem);
  }
  if (!applied.ok) return;
  LOG(INFO) << "serving generation " << generation;
}

int App::Run() {
  loop_.Run();
  return exit_status_;
}

void App::OnEvents(uint32_t) {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGHUP) continue;
    OnTerminate();
  }
}

void App::OnTerminate() {
  if (is_draining_) {
    LOG(WARNING) << "second signal: ending at once";
    exit_status_ = 1;
    return loop_.StopFromAnyThread();
  }
  is_draining_ = true;
  LOG(INFO) << "draining for at most " << absl::FormatDuration(options_.drain_timeout);
  drain_timer_.SetAt(loop_.now_ns() + absl::ToInt64Nanoseconds(options_.drain_timeout));
  busy_workers_ = workers_.size();
  for (const auto& worker : workers_) {
    worker->DrainFromAnyThread(
        [this] { loop_.PostFromAnyThread([this] { OnWorkerIdle(); }); });
  }
}

void App::OnWorkerIdle() {
  if (--busy_workers_ > 0) return;
  LOG(INFO) << "drained";
  loop_.StopFromAnyThread();
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
