// Outlier detection on the request path: what attempts say of an endpoint, counted over all
// workers, and taking it out (ejecting it) at once.
//
// Counting is relaxed atomics on a line of the endpoint's own, and only where the upstream wants
// it. Whoever ejects takes a place in the upstream's EjectionBudget first, so that never more are
// out than may be. Rates, and bringing endpoints back, are the business of the control thread
// (health/upstream_health.h).
//
// States of an endpoint:
//   kIn -> kChanging -> kOut           by the thread that counted the last failure
//   kOut -> kChanging -> kIn           by the control thread
//   any -> kGone, for ever             by the control thread: it is no endpoint any more
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

namespace sluice::upstream {

// As OutlierDetection has it. A count of 0 ejects nothing.
struct OutlierPolicy {
  uint32_t consecutive_5xx = 5;
  uint32_t consecutive_gateway_failures = 0;
  // What had no response is counted apart.
  bool splits_local_origin = false;
  uint32_t consecutive_local_origin_failures = 5;
  int64_t interval_ns = 10'000'000'000;
  int64_t base_ejection_ns = 30'000'000'000;
  int64_t max_ejection_ns = 300'000'000'000;
  uint32_t max_ejection_percent = 10;
  bool unejects_on_check = true;

  struct SuccessRate {
    bool is_enforced = true;
    uint32_t minimum_hosts = 5;
    uint32_t request_volume = 100;
    double stdev_factor = 1.9;
  };
  struct FailurePercentage {
    bool is_enforced = false;
    uint32_t threshold = 85;
    uint32_t minimum_hosts = 5;
    uint32_t request_volume = 50;
  };
  SuccessRate success_rate;
  FailurePercentage failure_percentage;

  bool counts_rates() const { return success_rate.is_enforced || failure_percentage.is_enforced; }
};

// Why an endpoint was ejected; the values of a metric's label.
enum class Ejection : uint8_t {
  kConsecutive5xx,
  kConsecutiveGatewayFailures,
  kConsecutiveLocalOriginFailures,
  kSuccessRate,
  kFailurePercentage,
};

// What became of an attempt.
enum class Outcome : uint8_t {
  kGood,
  kConnected,       // A connection of which nothing more will be known: nobody speaks its protocol.
  kServerError,     // 500 or above, but for
  kGatewayFailure,  // 502, 503 and 504.
  kNoResponse,      // No connection, none in time, or a reset before it began.
};
inline Outcome OutcomeOf(int status) {
  if (status < 500) return Outcome::kGood;
  return status >= 502 && status <= 504 ? Outcome::kGatewayFailure : Outcome::kServerError;
}

// How many endpoints of an upstream are out, and may be. Thread: any.
class alignas(64) EjectionBudget {
 public:
  // Of `endpoints`; one may be out whatever the percentage, unless that is 0. Without a policy none
  // may.
  void SetLimit(const OutlierPolicy* policy, size_t endpoints);
  // One more, unless that would be too many.
  bool TryTake();
  void Give() { ejected_.fetch_sub(1, std::memory_order_relaxed); }
  uint32_t ejected() const { return ejected_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> ejected_{0};
  std::atomic<uint32_t> limit_{0};
};

class EndpointHealth;
class HealthBoard;

// What is counted of one endpoint. Part of its EndpointHealth.
class alignas(64) OutlierRecord {
 public:
  // Attempts of an interval.
  struct Rates {
    uint32_t requests = 0;
    uint32_t failures = 0;
  };
  // Any thread. What the newest ejection was.
  struct Ejected {
    Ejection why = Ejection::kConsecutive5xx;
    int64_t until_ns = 0;  // Monotonic.
    uint32_t times = 0;    // Of late: what its length is multiplied by.
  };
  // Nothing while it is in.
  std::optional<Ejected> ejected() const;

 private:
  friend std::optional<Ejection> NoteOutcome(const OutlierPolicy& policy, HealthBoard& board,
                                             EndpointHealth& health, Outcome outcome,
                                             int64_t now_ns);
  friend bool Eject(const OutlierPolicy& policy, HealthBoard& board, EndpointHealth& health,
                    Ejection why, int64_t now_ns);
  friend bool Uneject(HealthBoard& board, EndpointHealth& health, int64_t now_ns);
  friend bool RetireOutlier(HealthBoard& board, EndpointHealth& health);
  friend Rates TakeRates(EndpointHealth& health);
  friend void DecayEjections(const OutlierPolicy& policy, EndpointHealth& health, int64_t now_ns);

  enum class State : uint8_t { kIn, kChanging, kOut, kGone };

  std::optional<Ejection> Count(const OutlierPolicy& policy, Outcome outcome);
  void Forget();

  std::atomic<uint32_t> in_a_row_5xx_{0};
  std::atomic<uint32_t> in_a_row_gateway_{0};
  std::atomic<uint32_t> in_a_row_local_{0};
  std::atomic<uint32_t> requests_{0};
  std::atomic<uint32_t> failures_{0};
  std::atomic<uint32_t> times_{0};
  std::atomic<int64_t> until_ns_{0};  // Out until, or in since.
  std::atomic<Ejection> why_{Ejection::kConsecutive5xx};
  std::atomic<State> state_{State::kIn};
};

// Counts an outcome. If that ejected the endpoint, says why. Any thread.
std::optional<Ejection> NoteOutcome(const OutlierPolicy& policy, HealthBoard& board,
                                    EndpointHealth& health, Outcome outcome, int64_t now_ns);

// Takes the endpoint out. False if it is out, or as many as may be are. Any thread.
bool Eject(const OutlierPolicy& policy, HealthBoard& board, EndpointHealth& health, Ejection why,
           int64_t now_ns);

// --- Of the control thread.

// Brings it back, with nothing counted. False if it is not out.
bool Uneject(HealthBoard& board, EndpointHealth& health, int64_t now_ns);
// It is no endpoint any more, and takes no place of the budget, whatever is still counted. True if
// it was out.
bool RetireOutlier(HealthBoard& board, EndpointHealth& health);
// What was counted since the last time.
OutlierRecord::Rates TakeRates(EndpointHealth& health);
// An interval has passed: one that was in for all of it is ejected for a shorter time again.
void DecayEjections(const OutlierPolicy& policy, EndpointHealth& health, int64_t now_ns);

}  // namespace sluice::upstream
