#include "test/integration/sync/proxy_side.h"

#include <time.h>

#include <utility>

#include "base/version.h"

namespace sluice {
namespace {

int64_t ThreadCpuNanos() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

ProxySide::ProxySide(const std::string& directory, std::vector<std::string> control_planes)
    : state_(*sync::StateDirectory::Open(directory)) {
  control_loop_.Init().IgnoreError();
  build_loop_.Init().IgnoreError();
  sync::Applier& applier = *this;
  keeper_ = std::make_unique<sync::Keeper>(
      build_loop_, clock_, *state_,
      *sync::ActivationMarker::Open(*state_, sync::ReadMachineState()), applier);
  sync::SyncClient::Options options;
  options.control_planes = std::move(control_planes);
  options.identity.node = "edge-1";
  options.identity.build = std::string(kVersion);
  options.identity.schema = kSchema;
  options.identity.started_at_ns = 1;
  options.identity.instance = 7;
  sync::ProxyHooks& hooks = *this;
  client_ = std::make_unique<sync::SyncClient>(io_, build_loop_, *keeper_, hooks, options);
  client_->Start();
  build_thread_ = std::thread([this] { build_loop_.Run(); });
  control_thread_ = std::thread([this] { RunControl(); });
}

ProxySide::~ProxySide() {
  stops_ = true;
  control_loop_.PostFromAnyThread([] {});  // Wakes it.
  control_thread_.join();
  build_loop_.StopFromAnyThread();
  build_thread_.join();
}

void ProxySide::RunControl() {
  while (!stops_) {
    const int64_t before = ThreadCpuNanos();
    control_loop_.RunOnce(absl::Milliseconds(100));
    const int64_t took = ThreadCpuNanos() - before;
    if (took > longest_turn_ns_) longest_turn_ns_ = took;
  }
}

std::map<std::string, std::string> ProxySide::served() const {
  MutexLock lock(mu_);
  return served_;
}

size_t ProxySide::served_count() const {
  MutexLock lock(mu_);
  return served_.size();
}

uint64_t ProxySide::applied_number() const {
  MutexLock lock(mu_);
  return applied_number_;
}

void ProxySide::Apply(const sync::ViewChange& change, absl::AnyInvocable<void(Result)> done) {
  if (rejects_) {
    resource::Problem problem;
    problem.kind = "Route";
    problem.problem = "cannot be applied";
    return done({Outcome::kRejected, {problem}});
  }
  {
    MutexLock lock(mu_);
    for (const auto& upsert : change.upserts) served_[upsert.key.name] = upsert.bytes;
    for (const auto& key : change.removals) served_.erase(key.name);
    applied_number_ = change.generation.number;
  }
  done({});
}

void ProxySide::Resolve(const std::string&, OnResolved on_resolved) {
  control_loop_.PostFromAnyThread([on_resolved = std::move(on_resolved)]() mutable {
    on_resolved(std::vector<net::IpAddress>{net::IpAddress::V4(0x7f000001)});
  });
}

sync::Figures ProxySide::CollectFigures() { return {}; }

void ProxySide::GetPage(const std::string& path, absl::AnyInvocable<void(Page)> done) {
  Page page;
  page.body = "page " + path;
  done(std::move(page));
}

}  // namespace sluice
