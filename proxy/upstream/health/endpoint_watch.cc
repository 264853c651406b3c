#include "proxy/upstream/health/endpoint_watch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/log.h"
#include "proxy/upstream/outcome_report.h"

namespace sluice::upstream::health {
namespace {

using observe::EndpointMetric;
using observe::EndpointState;
using observe::UpstreamMetric;

constexpr std::array<std::pair<EndpointHealth::Flag, EndpointState>, 4> kStates = {{
    {EndpointHealth::kFailedCheck, EndpointState::kFailedCheck},
    {EndpointHealth::kUnchecked, EndpointState::kUnchecked},
    {EndpointHealth::kEjected, EndpointState::kEjected},
    {EndpointHealth::kDegraded, EndpointState::kDegraded},
}};
constexpr std::array<EndpointHealth::Flag, 3> kOfChecks = {
    EndpointHealth::kFailedCheck, EndpointHealth::kUnchecked, EndpointHealth::kDegraded};

absl::string_view NameOf(EndpointState state) {
  return observe::EndpointStateName(static_cast<size_t>(state));
}

}  // namespace

std::string FlagNames(uint32_t flags) {
  std::vector<absl::string_view> names;
  for (const auto& [flag, state] : kStates) {
    if ((flags & flag) != 0) names.push_back(NameOf(state));
  }
  return names.empty() ? "healthy" : absl::StrJoin(names, ",");
}

EndpointWatch::EndpointWatch(CheckContext& context, std::shared_ptr<const Settings> settings,
                             const Endpoint& endpoint)
    : context_(context),
      settings_(std::move(settings)),
      endpoint_(endpoint),
      since_(context.pools.io.loop.now()) {}

EndpointWatch::~EndpointWatch() {
  if (RetireOutlier(*settings_->board, health())) NoteUnejected();
  SetCounted(0);
}

void EndpointWatch::Adopt(std::shared_ptr<const Settings> settings, const Endpoint& endpoint,
                          const std::vector<std::shared_ptr<const CheckPlan>>& plans) {
  SetCounted(0);
  const bool is_same_name = endpoint.name == endpoint_.name;
  settings_ = std::move(settings);
  endpoint_ = endpoint;
  const Checker::State known = KnownState();
  std::vector<std::unique_ptr<Checker>> before = std::exchange(checkers_, {});
  Checker::Owner& self = *this;
  for (const std::shared_ptr<const CheckPlan>& plan : plans) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const auto& checker) {
      return checker != nullptr && is_same_name && checker->spec() == *plan->spec;
    });
    if (same != before.end()) {
      (*same)->Adopt(plan);
      checkers_.push_back(std::move(*same));
    } else {
      checkers_.push_back(std::make_unique<Checker>(context_, self, plan, endpoint_, known));
    }
  }
  SetCheckFlags(CheckFlags());
  if (settings_->outlier == nullptr) Uneject();
  SetCounted(health().flags());
}

Checker::State EndpointWatch::KnownState() const {
  const uint32_t flags = health().flags();
  if ((flags & EndpointHealth::kUnchecked) != 0) return Checker::State::kUnchecked;
  if ((flags & EndpointHealth::kFailedCheck) != 0) return Checker::State::kFailing;
  return Checker::State::kPassing;
}

uint32_t EndpointWatch::CheckFlags() const {
  uint32_t flags = 0;
  for (const auto& checker : checkers_) {
    if (checker->state() == Checker::State::kUnchecked) flags |= EndpointHealth::kUnchecked;
    if (checker->state() == Checker::State::kFailing) flags |= EndpointHealth::kFailedCheck;
    if (checker->is_degraded()) flags |= EndpointHealth::kDegraded;
  }
  return flags;
}

void EndpointWatch::SetCheckFlags(uint32_t flags) {
  const bool was_healthy = health().is_healthy();
  bool is_changed = false;
  for (const EndpointHealth::Flag flag : kOfChecks) {
    is_changed |= (flags & flag) != 0 ? health().Set(flag) : health().Clear(flag);
  }
  if (!is_changed) return;
  if (!was_healthy && health().is_healthy()) health().SetHealthySince(now_ns());
  settings_->board->NoteChange();
}

void EndpointWatch::OnChecked(Checker&, const Answer& answer) {
  if (answer.is_void) return;
  context_.pools.metrics.Add(endpoint_.metrics, EndpointMetric::kHealthChecks, answer.result);
  error_ = answer.error;
  for (const auto& checker : checkers_) {
    if (error_.empty()) error_ = checker->error();
  }
  const uint32_t flags = CheckFlags();
  SetCheckFlags(flags);
  const bool is_well = (flags & (EndpointHealth::kFailedCheck | EndpointHealth::kUnchecked)) == 0;
  if (answer.result == observe::CheckResult::kPassed && is_well && settings_->outlier != nullptr &&
      settings_->outlier->unejects_on_check) {
    Uneject();
  }
  Recount();
}

bool EndpointWatch::is_due(int64_t now_ns) const {
  const std::optional<OutlierRecord::Ejected> ejected = health().outlier().ejected();
  return ejected && ejected->until_ns <= now_ns;
}

void EndpointWatch::Uneject() {
  if (upstream::Uneject(*settings_->board, health(), now_ns())) NoteUnejected();
}

void EndpointWatch::NoteUnejected() {
  context_.pools.metrics.Subtract(settings_->metrics, UpstreamMetric::kEjectionsActive);
}

void EndpointWatch::Eject(Ejection why) {
  if (!upstream::Eject(*settings_->outlier, *settings_->board, health(), why, now_ns())) return;
  CountEjection(*settings_, why, context_.pools.metrics);
}

void EndpointWatch::Recount() {
  const uint32_t flags = health().flags();
  if (flags == counted_flags_) return;
  const uint32_t before = counted_flags_;
  SetCounted(flags);
  since_ = context_.pools.io.loop.now();
  LOG(INFO) << "upstream \"" << settings_->name << "\": endpoint " << endpoint_.address.ToString()
            << ": " << FlagNames(before) << " -> " << FlagNames(flags)
            << (error_.empty() ? "" : ": ") << error_;
}

void EndpointWatch::SetCounted(uint32_t flags) {
  CountFlags(counted_flags_ & ~flags, /*is_added=*/false);
  CountFlags(flags & ~counted_flags_, /*is_added=*/true);
  const bool was_healthy = EndpointHealth::IsHealthy(std::exchange(counted_flags_, flags));
  if (was_healthy == EndpointHealth::IsHealthy(flags)) return;
  const std::pair key(settings_->name, endpoint_.address);
  if (was_healthy) {
    context_.unhealthy[key] = this;
    return;
  }
  // An upstream of the same name may have come before this one has gone.
  const auto listed = context_.unhealthy.find(key);
  if (listed != context_.unhealthy.end() && listed->second == this) {
    context_.unhealthy.erase(listed);
  }
}

void EndpointWatch::CountFlags(uint32_t flags, bool is_added) {
  for (const auto& [flag, state] : kStates) {
    if ((flags & flag) == 0) continue;
    // One less: it wraps, and the sum is right.
    context_.pools.metrics.Add(endpoint_.metrics, EndpointMetric::kState, state,
                               is_added ? uint64_t{1} : uint64_t{0} - 1);
  }
}

EndpointReport EndpointWatch::Report() const {
  EndpointReport report;
  report.upstream = settings_->name;
  report.name = endpoint_.name;
  report.address = endpoint_.address.ToString();
  report.flags = health().flags();
  report.since = since_;
  report.is_checked = !checkers_.empty();
  report.error = error_;
  if (const std::optional<OutlierRecord::Ejected> ejected = health().outlier().ejected()) {
    report.ejected_for = absl::Nanoseconds(std::max<int64_t>(0, ejected->until_ns - now_ns()));
    report.ejected_why = std::string(observe::EjectionName(static_cast<size_t>(ejected->why)));
  }
  return report;
}

}  // namespace sluice::upstream::health
