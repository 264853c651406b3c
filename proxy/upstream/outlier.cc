#include "proxy/upstream/outlier.h"

#include <algorithm>

#include "proxy/upstream/endpoint_health.h"

namespace sluice::upstream {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// One more of what is counted in a row. True at the `limit`, where it begins anew; 0 is none.
bool CountTo(std::atomic<uint32_t>& count, uint32_t limit) {
  if (limit == 0) return false;
  if (count.fetch_add(1, kRelaxed) + 1 < limit) return false;
  count.store(0, kRelaxed);
  return true;
}

// Does not write the line where there is nothing to write: most attempts succeed.
void BeginAnew(std::atomic<uint32_t>& count) {
  if (count.load(kRelaxed) != 0) count.store(0, kRelaxed);
}

}  // namespace

void EjectionBudget::SetLimit(const OutlierPolicy* policy, size_t endpoints) {
  size_t limit = 0;
  if (policy != nullptr && policy->max_ejection_percent > 0) {
    limit = std::max<size_t>(1, endpoints * policy->max_ejection_percent / 100);
  }
  limit_.store(static_cast<uint32_t>(limit), kRelaxed);
}

bool EjectionBudget::TryTake() {
  uint32_t ejected = ejected_.load(kRelaxed);
  do {
    if (ejected >= limit_.load(kRelaxed)) return false;
  } while (!ejected_.compare_exchange_weak(ejected, ejected + 1, kRelaxed));
  return true;
}

std::optional<OutlierRecord::Ejected> OutlierRecord::ejected() const {
  if (state_.load(std::memory_order_acquire) != State::kOut) return std::nullopt;
  return Ejected{why_.load(kRelaxed), until_ns_.load(kRelaxed), times_.load(kRelaxed)};
}

std::optional<Ejection> OutlierRecord::Count(const OutlierPolicy& policy, Outcome outcome) {
  const bool is_local = outcome == Outcome::kNoResponse;
  if (policy.splits_local_origin) {
    if (is_local) {
      return CountTo(in_a_row_local_, policy.consecutive_local_origin_failures)
                 ? std::optional(Ejection::kConsecutiveLocalOriginFailures)
                 : std::nullopt;
    }
    BeginAnew(in_a_row_local_);
    // Of what the endpoint would answer it says nothing.
    if (outcome == Outcome::kConnected) return std::nullopt;
  }
  const bool is_good = outcome == Outcome::kGood || outcome == Outcome::kConnected;
  if (policy.counts_rates()) {
    requests_.fetch_add(1, kRelaxed);
    if (!is_good) failures_.fetch_add(1, kRelaxed);
  }
  if (is_good) {
    BeginAnew(in_a_row_5xx_);
    BeginAnew(in_a_row_gateway_);
    return std::nullopt;
  }
  const bool is_full = CountTo(in_a_row_5xx_, policy.consecutive_5xx);
  if (outcome == Outcome::kServerError) {
    BeginAnew(in_a_row_gateway_);
  } else if (CountTo(in_a_row_gateway_, policy.consecutive_gateway_failures)) {
    return Ejection::kConsecutiveGatewayFailures;
  }
  return is_full ? std::optional(Ejection::kConsecutive5xx) : std::nullopt;
}

void OutlierRecord::Forget() {
  for (auto* count :
       {&in_a_row_5xx_, &in_a_row_gateway_, &in_a_row_local_, &requests_, &failures_}) {
    count->store(0, kRelaxed);
  }
}

std::optional<Ejection> NoteOutcome(const OutlierPolicy& policy, HealthBoard& board,
                                    EndpointHealth& health, Outcome outcome, int64_t now_ns) {
  const std::optional<Ejection> why = health.outlier().Count(policy, outcome);
  if (!why || !Eject(policy, board, health, *why, now_ns)) return std::nullopt;
  return why;
}

bool Eject(const OutlierPolicy& policy, HealthBoard& board, EndpointHealth& health, Ejection why,
           int64_t now_ns) {
  using State = OutlierRecord::State;
  OutlierRecord& record = health.outlier();
  if (record.state_.load(kRelaxed) != State::kIn || !board.ejections().TryTake()) return false;
  State state = State::kIn;
  if (!record.state_.compare_exchange_strong(state, State::kChanging, std::memory_order_acquire,
                                             kRelaxed)) {
    board.ejections().Give();
    return false;
  }
  uint32_t times = record.times_.load(kRelaxed);
  // Once the longest time is reached there is nothing to count, or to decay, above it.
  if (times == 0 || policy.base_ejection_ns * times < policy.max_ejection_ns) ++times;
  record.times_.store(times, kRelaxed);
  record.until_ns_.store(now_ns + std::min(policy.base_ejection_ns * times, policy.max_ejection_ns),
                         kRelaxed);
  record.why_.store(why, kRelaxed);
  health.Set(EndpointHealth::kEjected);
  state = State::kChanging;
  if (!record.state_.compare_exchange_strong(state, State::kOut, std::memory_order_release,
                                             kRelaxed)) {
    board.ejections().Give();  // It has gone meanwhile.
    return false;
  }
  board.NoteChange();
  return true;
}

bool Uneject(HealthBoard& board, EndpointHealth& health, int64_t now_ns) {
  using State = OutlierRecord::State;
  OutlierRecord& record = health.outlier();
  State state = State::kOut;
  if (!record.state_.compare_exchange_strong(state, State::kChanging, std::memory_order_acquire,
                                             kRelaxed)) {
    return false;
  }
  record.Forget();
  record.until_ns_.store(now_ns, kRelaxed);
  health.Clear(EndpointHealth::kEjected);
  if (health.is_healthy()) health.SetHealthySince(now_ns);
  record.state_.store(State::kIn, std::memory_order_release);
  board.ejections().Give();
  board.NoteChange();
  return true;
}

bool RetireOutlier(HealthBoard& board, EndpointHealth& health) {
  using State = OutlierRecord::State;
  // Who is just ejecting it finds it gone and gives the place back.
  const State state = health.outlier().state_.exchange(State::kGone, std::memory_order_acq_rel);
  if (state != State::kOut) return false;
  board.ejections().Give();
  return true;
}

OutlierRecord::Rates TakeRates(EndpointHealth& health) {
  OutlierRecord& record = health.outlier();
  // An attempt between the two is counted in the next interval as what it was: off by one at most.
  OutlierRecord::Rates rates;
  rates.failures = record.failures_.exchange(0, kRelaxed);
  rates.requests = std::max(record.requests_.exchange(0, kRelaxed), rates.failures);
  return rates;
}

void DecayEjections(const OutlierPolicy& policy, EndpointHealth& health, int64_t now_ns) {
  OutlierRecord& record = health.outlier();
  if (record.state_.load(std::memory_order_acquire) != OutlierRecord::State::kIn) return;
  uint32_t times = record.times_.load(kRelaxed);
  if (times == 0 || now_ns - record.until_ns_.load(kRelaxed) < policy.interval_ns) return;
  record.times_.compare_exchange_strong(times, times - 1, kRelaxed);
}

}  // namespace sluice::upstream
