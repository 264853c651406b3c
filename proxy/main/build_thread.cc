#include "proxy/main/build_thread.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "base/thread_name.h"

namespace sluice::main {
namespace {

constexpr int kNice = 10;
// How soon after a change what it replaced is looked at, and again while an exchange uses it.
constexpr int64_t kReapNs = 100'000'000;
// Three keys open tickets, so one is good for at least twice this.
constexpr int64_t kTicketKeyNs = int64_t{6} * 3600 * 1'000'000'000;

std::vector<exchange::PinTable*> PinsOf(const std::vector<server::Worker*>& workers) {
  std::vector<exchange::PinTable*> pins;
  for (server::Worker* worker : workers) pins.push_back(&worker->pins());
  return pins;
}

}  // namespace

BuildThread::BuildThread(const Clock& clock, runtime::PluginMaker maker,
                         observe::MetricRegistry& metrics, observe::LogThread& log,
                         std::vector<server::Worker*> workers, std::string zone, Hooks hooks)
    : clock_(clock),
      loop_(clock),
      builder_(clock, std::move(maker), metrics, log, PinsOf(workers), std::move(zone)),
      publisher_(loop_, workers,
                 [this](const std::vector<server::BindFault>& faults) {
                   hooks_.on_faults(FromFaults(faults));
                 }),
      hooks_(std::move(hooks)),
      reap_timer_(loop_.timers(), &event::Timer::Call<BuildThread, &BuildThread::OnReapTimer>,
                  this),
      ticket_timer_(loop_.timers(), &event::Timer::Call<BuildThread, &BuildThread::OnTicketTimer>,
                    this) {
  ticket_timer_.SetAt(loop_.now_ns() + kTicketKeyNs);
}

void BuildThread::OnTicketTimer() {
  builder_.tickets().RotateOwn();
  ticket_timer_.SetAt(loop_.now_ns() + kTicketKeyNs);
}

BuildThread::~BuildThread() { Join(); }

void BuildThread::Join() {
  if (!thread_.joinable()) return;
  loop_.StopFromAnyThread();
  thread_.join();
}

absl::Status BuildThread::Init() {
  if (is_ready_) return absl::OkStatus();
  is_ready_ = true;
  return loop_.Init();
}

Applied BuildThread::FromFaults(const std::vector<server::BindFault>& faults) const {
  Applied applied{.generation = builder_.snapshot()->generation, .ok = true};
  for (const server::BindFault& fault : faults) {
    applied.problems.push_back({.kind = "Listener",
                                .name = fault.listener,
                                .field = "address",
                                .problem = fault.problem,
                                .want = "an address that is free on this host"});
  }
  return applied;
}

absl::Status BuildThread::Start() {
  if (absl::Status status = Init(); !status.ok()) return status;
  thread_ = std::thread([this] {
    NameThisThread("build");
    loop_.Run();
  });
  return absl::OkStatus();
}

void BuildThread::YieldToRequests() {
  if (std::exchange(yields_, true)) return;
  // Of this thread alone, as Linux has it. Refused, it is only less polite.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

void BuildThread::Apply(const runtime::Change& change, std::function<void(const Applied&)> done) {
  const int64_t began = clock_.MonotonicNanos();
  runtime::Builder::Outcome outcome = builder_.Build(change);
  const auto tell = [this, began, done = std::move(done)](Applied applied) {
    applied.took = absl::Nanoseconds(clock_.MonotonicNanos() - began);
    if (applied.ok) YieldToRequests();
    hooks_.on_applied(applied);
    done(applied);
  };
  if (!outcome.ok()) {
    return tell(
        {.generation = change.generation, .ok = false, .problems = std::move(outcome.problems)});
  }
  Publish(std::move(outcome.result), tell);
  std::set<std::string> names = builder_.WantedNames();
  if (names == names_) return;
  names_ = std::move(names);
  hooks_.on_names(names_);
}

void BuildThread::Resolve(const std::string& host, std::vector<net::IpAddress> addresses) {
  runtime::Builder::Result result = builder_.Resolve(host, std::move(addresses));
  if (!result.steps.empty()) Publish(std::move(result), [](const Applied&) {});
}

void BuildThread::Publish(runtime::Builder::Result result,
                          std::function<void(const Applied&)> done) {
  if (!result.steps.empty()) hooks_.on_clusters(result.steps);
  publisher_.Publish(std::move(result.snapshot), std::move(result.steps),
                     [this, done = std::move(done)](const std::vector<server::BindFault>& faults) {
                       done(FromFaults(faults));
                       ReapLater();
                     });
}

void BuildThread::Open(std::function<void(const Applied&)> done) {
  publisher_.Open([this, done = std::move(done)](const std::vector<server::BindFault>& faults) {
    done(FromFaults(faults));
  });
}

void BuildThread::ReapLater() {
  if (!reap_timer_.is_set()) reap_timer_.SetAt(loop_.now_ns() + kReapNs);
}

void BuildThread::OnReapTimer() {
  if (publisher_.is_publishing()) return ReapLater();
  const bool has_steps = builder_.Reap();
  if (has_steps) Publish(builder_.PendingSteps(), [](const Applied&) {});
  if (builder_.has_retired()) ReapLater();
}

}  // namespace sluice::main
