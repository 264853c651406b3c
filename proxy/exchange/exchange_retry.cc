// Whether another attempt follows one that failed, and when.

#include <algorithm>
#include <utility>

#include "proxy/exchange/exchange.h"
#include "proxy/http/grpc/reply.h"

namespace sluice::exchange {

using observe::BreakerLimit;
using observe::UpstreamMetric;

const upstream::RetryPolicy* Exchange::Policy() const {
  if (route_->has_retry) return route_->retry.get();
  const upstream::Cluster* cluster = FindCluster();
  return cluster == nullptr ? nullptr : cluster->settings().retry.get();
}

bool Exchange::is_grpc() const {
  return http::grpc::IsGrpc(request_.headers.Get(http::HeaderId::kContentType));
}

bool Exchange::IsAlone(const Attempt& attempt) const {
  return attempts_.first() == &attempt && AttemptList::Next(attempt) == nullptr;
}

// Takes the attempt away if the client need not hear of what became of it: another one is under
// way, or begun now, or soon.
bool Exchange::Retry(Attempt& attempt, const Outcome& outcome) {
  const upstream::RetryPolicy* policy = Policy();
  const Verdict verdict = Judge(policy, request_.method_id, is_grpc(), outcome);
  if (!IsAlone(attempt)) {
    if (verdict == Verdict::kFinal && outcome.kind == Outcome::Kind::kStatus) return false;
    GiveUp(attempt);
    return true;
  }
  if (verdict == Verdict::kFinal || !is_replayable_) return false;
  const bool is_harmless = verdict == Verdict::kHarmless;
  // Counted apart: connections that merely were dead must not use up the attempts of the policy.
  const uint32_t most = policy == nullptr ? 1 : policy->attempts;
  if (is_harmless ? harmless_retries_ + 1 >= std::max(most, kMaxHarmlessAttempts)
                  : retries_ + 1 >= most) {
    if (policy != nullptr) summary_.flags.Add(observe::ResponseFlag::kRetriesExhausted);
    return false;
  }
  if (BlamesEndpoint(outcome)) NoteTried(attempt.endpoint());
  upstream::Cluster* cluster = FindCluster();
  if (cluster == nullptr) return false;
  // Without a policy an endpoint to which there is no connection is not asked again.
  if (policy == nullptr && http::IsConnectFailure(outcome.reset) && !PickEndpoint(*cluster)) {
    return false;
  }
  upstream::Permit permit;
  if (!is_harmless && !TakeRetryPermit(*cluster, *policy, attempt.is_retry(), permit)) return false;
  if (!is_harmless) {
    // Before the attempt ends: a request that comes to nobody's count would lower the budget.
    upstream::Gauge& waiting = cluster->settings().breaker->waiting;
    waiting.Take();
    wait_permit_ = upstream::Permit(waiting);
  }
  GiveUp(attempt);
  if (is_harmless) {
    ++harmless_retries_;
    wants_fresh_ |= !BlamesEndpoint(outcome);
    StartAttempt(upstream::Permit());
    return true;
  }
  const auto longest = static_cast<uint64_t>(policy->MaxBackOffNs(++retries_));
  retry_permit_ = std::move(permit);
  retry_at_ns_ = worker_.io.loop.now_ns() + static_cast<int64_t>(Random() % (longest + 1));
  ArmTimer();
  return true;
}

void Exchange::GiveUp(Attempt& attempt) {
  if (held_by_ == &attempt) {
    held_by_ = nullptr;
    held_head_ = nullptr;
  }
  attempts_.Remove(attempt);
}

// The budget is a share of the requests under way, those that wait for their retry included: with
// 100 % each of them may have one. `replaces_retry`: an attempt is about to end that has a permit.
bool Exchange::TakeRetryPermit(upstream::Cluster& cluster, const upstream::RetryPolicy& policy,
                               bool replaces_retry, upstream::Permit& permit) {
  const upstream::Settings& settings = cluster.settings();
  upstream::Breaker& breaker = *settings.breaker;
  const uint32_t requests = breaker.requests.value() + breaker.waiting.value();
  const uint32_t limit = std::min(settings.breaker_limits.retries, policy.Budget(requests));
  if (!breaker.retries.TryTake(limit + (replaces_retry ? 1 : 0))) {
    worker_.metrics.Add(settings.metrics, UpstreamMetric::kOverflows, BreakerLimit::kRetries);
    return false;
  }
  permit = upstream::Permit(breaker.retries);
  return true;
}

// The attempt's response did not begin in its time.
void Exchange::OnTryTimeout(Attempt& attempt) {
  attempt.NoteTimeout();
  const upstream::RetryPolicy* policy = Policy();
  if (policy != nullptr && policy->hedge) return Hedge(attempt, *policy);
  const bool has_sent = attempt.stream() != nullptr && attempt.stream()->has_sent_bytes();
  if (Retry(attempt, {.kind = Outcome::Kind::kTimeout, .has_sent_bytes = has_sent})) return;
  ReplyWithReason("per_try_timeout");
}

void Exchange::Hedge(Attempt& attempt, const upstream::RetryPolicy& policy) {
  upstream::Cluster* cluster = FindCluster();
  const bool has_sent = attempt.stream() != nullptr && attempt.stream()->has_sent_bytes();
  const Verdict verdict = Judge(&policy, request_.method_id, is_grpc(),
                                {.kind = Outcome::Kind::kTimeout, .has_sent_bytes = has_sent});
  upstream::Permit permit;
  if (verdict == Verdict::kFinal || !is_replayable_ || held_head_ != nullptr ||
      cluster == nullptr || retries_ + 1 >= policy.attempts ||
      !TakeRetryPermit(*cluster, policy, /*replaces_retry=*/false, permit)) {
    return ArmTimer();
  }
  ++retries_;
  NoteTried(attempt.endpoint());
  StartAttempt(std::move(permit));
}

}  // namespace sluice::exchange
