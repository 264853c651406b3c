#include "proxy/upstream/health/checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace sluice::upstream::health {
namespace {

constexpr uint32_t kUnlimited = UINT32_MAX;

Endpoint WithPort(Endpoint endpoint, uint16_t port) {
  if (port != 0) endpoint.address = net::Address(endpoint.address.ip(), port);
  return endpoint;
}

}  // namespace

int64_t CheckContext::TakeStart() {
  const int64_t now = pools.io.loop.now_ns();
  if (start_ns_ + event::TimerWheel::kTickNs <= now) {
    start_ns_ = now;
    given_ = 0;
  } else if (given_ == kStartsPerTick) {
    start_ns_ += event::TimerWheel::kTickNs;
    given_ = 0;
  }
  ++given_;
  return start_ns_;
}

std::shared_ptr<const CheckPlan> MakePlan(std::shared_ptr<const Settings> upstream, size_t check) {
  auto plan = std::make_shared<CheckPlan>();
  plan->spec = &(*upstream->checks)[check];
  // Checks take no place of the upstream's breakers and are not among its numbers.
  Settings connections = *upstream;
  connections.breaker = std::make_shared<Breaker>();
  connections.breaker_limits = {kUnlimited, kUnlimited, kUnlimited, kUnlimited};
  connections.metrics = {};
  connections.metrics_owner = nullptr;
  connections.max_idle = 1;
  connections.max_streams = 1;
  connections.connect_timeout_ns = plan->spec->timeout_ns;
  connections.idle_timeout_ns =
      2 * std::max({plan->spec->interval_ns, plan->spec->unhealthy_interval_ns,
                    plan->spec->no_traffic_interval_ns});
  if (plan->spec->kind == CheckSpec::Kind::kGrpc) connections.protocol = Protocol::kHttp2;
  plan->connections = std::make_shared<const Settings>(std::move(connections));
  plan->upstream = std::move(upstream);
  return plan;
}

Checker::Checker(CheckContext& context, Owner& owner, std::shared_ptr<const CheckPlan> plan,
                 const Endpoint& endpoint, State state)
    : context_(context),
      owner_(owner),
      plan_(std::move(plan)),
      endpoint_(WithPort(endpoint, plan_->spec->port)),
      timer_(context.pools.io.loop.timers(), &event::Timer::Call<Checker, &Checker::OnTimer>, this),
      state_(state) {
  const int64_t now = context.pools.io.loop.now_ns();
  const int64_t some_time =
      static_cast<int64_t>(context.random.Below(1000)) * plan_->spec->interval_ns / 1000;
  timer_.SetAt(now + (state == State::kUnchecked ? 0 : some_time));
}

void Checker::OnTraffic() {
  const bool is_under_way = is_running_ || may_start_;
  if (is_under_way || spec().no_traffic_interval_ns <= spec().interval_ns) return;
  const int64_t soon =
      context_.pools.io.loop.now_ns() +
      static_cast<int64_t>(context_.random.Below(1000)) * spec().interval_ns / 1000;
  if (timer_.deadline_ns() > soon) timer_.SetAt(soon);
}

void Checker::OnTimer() {
  if (is_running_) {
    probe_.reset();
    return Finish({.result = observe::CheckResult::kTimeout,
                   .error = absl::StrCat(
                       "no answer within ",
                       absl::FormatDuration(absl::Nanoseconds(used_plan_->spec->timeout_ns)))});
  }
  if (!may_start_) {
    const int64_t start_ns = context_.TakeStart();
    may_start_ = start_ns > context_.pools.io.loop.now_ns();
    if (may_start_) return timer_.SetAt(start_ns);
  }
  may_start_ = false;
  Begin();
}

void Checker::Begin() {
  if (std::exchange(used_plan_, plan_) != plan_) pool_ = nullptr;
  if (pool_ == nullptr && spec().kind != CheckSpec::Kind::kTcp) {
    pool_ =
        MakePool(context_.pools, DestinationOf(*plan_->upstream, endpoint_), plan_->connections);
  }
  is_running_ = true;
  timer_.SetAt(context_.pools.io.loop.now_ns() + spec().timeout_ns);
  Probe::Owner& self = *this;
  probe_ = MakeProbe({context_.pools, spec(), *plan_->upstream, endpoint_}, pool_.get(), self);
  if (const std::optional<Answer> answer = probe_->Start()) Finish(*answer);
}

void Checker::OnAnswer(const Answer& answer) { Finish(answer); }

void Checker::Finish(const Answer& answer) {
  is_running_ = false;
  context_.pools.io.loop.Schedule(*this, event::Phase::kReady);
  Judge(answer);
  timer_.SetAt(context_.pools.io.loop.now_ns() + NextInterval());
  owner_.OnChecked(*this, answer);
}

void Checker::Run() {
  if (is_running_) return;
  probe_ = nullptr;
  if (!used_plan_->spec->keeps_connection) pool_ = nullptr;
}

// By the question that was asked: there may be another one by now.
void Checker::Judge(const Answer& answer) {
  if (answer.is_void) return;
  error_ = answer.error;
  is_degraded_ = answer.is_degraded;
  if (answer.result == observe::CheckResult::kPassed) {
    failures_ = 0;
    ++successes_;
    // The first answer of all counts at once.
    if (state_ == State::kUnchecked || successes_ >= used_plan_->spec->healthy_threshold) {
      state_ = State::kPassing;
    }
    return;
  }
  successes_ = 0;
  ++failures_;
  if (state_ == State::kUnchecked || answer.is_final ||
      failures_ >= used_plan_->spec->unhealthy_threshold) {
    state_ = State::kFailing;
  }
}

int64_t Checker::NextInterval() {
  if (!plan_->upstream->board->has_traffic()) return WithJitter(spec().no_traffic_interval_ns);
  return WithJitter(state_ == State::kFailing ? spec().unhealthy_interval_ns : spec().interval_ns);
}

int64_t Checker::WithJitter(int64_t interval_ns) {
  const int64_t most = interval_ns / 100 * spec().jitter_percent;
  return interval_ns + static_cast<int64_t>(context_.random.Below(1024)) * most / 1024;
}

}  // namespace sluice::upstream::health
