#include "proxy/server/overload/overload_monitor.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/log.h"

namespace sluice::server {
namespace {

constexpr int64_t kPeriodNs = 250'000'000;
// Between two looks, however fast buffers come and go.
constexpr int64_t kLeastPauseNs = 2'000'000;
// Giving memory back to the system holds up whoever allocates.
constexpr int64_t kGiveBackNs = int64_t{10} * 1'000'000'000;
// So often it looks while the buffers grow from nothing to the limit; but not for less than this,
// however small the limit.
constexpr size_t kLooks = 32;
constexpr size_t kLeastGrowth = size_t{1} << 20;
// Beside what loops watch: files, logs, what libraries have open.
constexpr uint64_t kOtherDescriptors = 32;
// With fewer, a per cent is a handful: the acceptors shed on their own when there are none left.
constexpr uint64_t kFewDescriptors = 1024;

}  // namespace

OverloadMonitor::OverloadMonitor(event::Loop& loop, const MemoryLimit& memory,
                                 observe::MetricRegistry& metrics, std::vector<Worker*> workers)
    : loop_(loop),
      memory_limit_(memory),
      metrics_(metrics),
      workers_(std::move(workers)),
      timer_(loop.timers(), &event::Timer::Call<OverloadMonitor, &OverloadMonitor::OnTimer>, this) {
}

void OverloadMonitor::Start() {
  timer_.SetAt(loop_.now_ns() + kPeriodNs);
  for (Worker* worker : workers_) {
    // The loop outlives the worker, which may outlive this.
    worker->TellGrowth([this, &loop = loop_] { loop.PostFromAnyThread([this] { LookSoon(); }); });
  }
  Read();
  Allow();
}

void OverloadMonitor::LookSoon() {
  timer_.SetAt(std::max(loop_.now_ns(), looked_at_ns_ + kLeastPauseNs));
}

void OverloadMonitor::Inject(double pressure) {
  injected_ = pressure;
  LOG(WARNING) << "an injected pressure of " << pressure << "% counts from now on";
}

void OverloadMonitor::OnTimer() {
  looked_at_ns_ = loop_.now_ns();
  timer_.SetAt(looked_at_ns_ + kPeriodNs);
  Read();
  Decide();
  Allow();
  Export();
}

void OverloadMonitor::Read() {
  memory_ = {memory_limit_.ReadUsed(), memory_limit_.bytes()};
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  descriptors_ = {kOtherDescriptors + loop_.watched_count(), limit.rlim_cur};
  for (const Worker* worker : workers_) descriptors_.used += worker->watched_count();
}

// Slow readers can take all memory within a period.
void OverloadMonitor::Allow() {
  if (memory_.limit == 0 || workers_.empty()) return;
  const size_t growth = memory_.limit / kLooks / workers_.size();
  for (Worker* worker : workers_) {
    worker->AllowBuffersFromAnyThread(std::max(growth, kLeastGrowth));
  }
}

void OverloadMonitor::Decide() {
  const bool has_few = descriptors_.limit < kFewDescriptors;
  memory_level_ = NextLevel(memory_level_, std::max(memory_.pressure(), injected_));
  descriptor_level_ = NextLevel(descriptor_level_, has_few ? 0 : descriptors_.pressure());
  const OverloadActions next = ActionsOf(memory_level_, descriptor_level_);
  if (next.shrink) GiveBackMemory();
  if (next == actions_) return;
  actions_ = next;
  LOG(WARNING) << absl::StrFormat("overload: memory %.0f%%, descriptors %.0f%%: ",
                                  memory_.pressure(), descriptors_.pressure())
               << (next == OverloadActions() ? "over" : absl::StrJoin(ActiveNames(), ", "));
  for (Worker* worker : workers_) worker->SetOverloadFromAnyThread(next);
}

std::vector<absl::string_view> OverloadMonitor::ActiveNames() const {
  std::vector<absl::string_view> names;
  for (size_t level = 1; level < kOverloadLevels; ++level) {
    if (!IsActive(static_cast<OverloadLevel>(level), actions_)) continue;
    names.push_back(OverloadLevelName(level));
  }
  return names;
}

void OverloadMonitor::GiveBackMemory() {
  if (loop_.now_ns() - gave_back_at_ns_ < kGiveBackNs) return;
  gave_back_at_ns_ = loop_.now_ns();
  malloc_trim(0);
}

void OverloadMonitor::Export() {
  using observe::OverloadResource;
  using observe::ProcessMetric;
  const auto set = [this](OverloadResource resource, double pressure) {
    metrics_.Set(ProcessMetric::kOverloadPressure, pressure / 100, static_cast<size_t>(resource));
  };
  set(OverloadResource::kMemory, memory_.pressure());
  set(OverloadResource::kDescriptors, descriptors_.pressure());
  set(OverloadResource::kInjected, injected_);
  for (size_t level = 1; level < kOverloadLevels; ++level) {
    metrics_.Set(ProcessMetric::kOverloadActions,
                 IsActive(static_cast<OverloadLevel>(level), actions_), level - 1);
  }
}

std::string OverloadMonitor::Describe() const {
  const auto resource = [](const Resource& r) {
    return absl::StrFormat("{\"used\":%u,\"limit\":%u,\"pressure\":%.3f", r.used, r.limit,
                           r.pressure() / 100);
  };
  std::string actions;
  for (const absl::string_view name : ActiveNames()) {
    absl::StrAppend(&actions, actions.empty() ? "\"" : ",\"", name, "\"");
  }
  return absl::StrCat(
      "{\"actions\":[", actions, "],\"memory\":", resource(memory_), ",\"source\":\"",
      memory_limit_.source(), "\"},\"descriptors\":", resource(descriptors_),
      "},\"injected\":{\"pressure\":", absl::StrFormat("%.3f", injected_ / 100), "}}");
}

}  // namespace sluice::server
