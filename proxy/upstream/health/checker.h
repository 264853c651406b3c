// Asks one endpoint one question, again and again, and says whether the answers are good.
//
// Thread: the loop's. Ownership: the endpoint's watch, which is its Owner, and destroys it from
// posted work or a timer, never in a call of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "proxy/event/loop.h"
#include "proxy/upstream/balancer/fast_random.h"
#include "proxy/upstream/health/probe.h"

namespace sluice::upstream::health {

class EndpointWatch;

// What all checks of the process share.
struct CheckContext {
  PoolContext pools;
  FastRandom random;
  // By upstream and address; the watches keep it.
  std::map<std::pair<std::string, net::Address>, const EndpointWatch*> unhealthy;

  CheckContext(const PoolContext& pools, uint64_t seed) : pools(pools), random(seed) {}

  // When one more check may start: now, or in the first tick of the timers that has room. Thousands
  // that are due together are so spread over ticks, and each waits for its own.
  int64_t TakeStart();

 private:
  static constexpr int kStartsPerTick = 32;
  int64_t start_ns_ = 0;  // Of the newest that was given.
  int given_ = 0;         // For that tick.
};

// One check of an upstream, as all its endpoints have it. Immutable.
struct CheckPlan {
  std::shared_ptr<const Settings> upstream;  // Keeps `spec`.
  const CheckSpec* spec = nullptr;
  std::shared_ptr<const Settings> connections;  // Of the checks' own pools.
};
std::shared_ptr<const CheckPlan> MakePlan(std::shared_ptr<const Settings> upstream, size_t check);

class Checker final : private Probe::Owner, private event::Task {
 public:
  enum class State : uint8_t { kUnchecked, kPassing, kFailing };

  class Owner {
   public:
    // A check has ended; state() is what follows from it.
    virtual void OnChecked(Checker& checker, const Answer& answer) = 0;

   protected:
    ~Owner() = default;
  };

  // Begins at once where the state is not known, else some time in the interval.
  Checker(CheckContext& context, Owner& owner, std::shared_ptr<const CheckPlan> plan,
          const Endpoint& endpoint, State state);

  // The same question, of an upstream of which something else has changed.
  void Adopt(std::shared_ptr<const CheckPlan> plan) { plan_ = std::move(plan); }
  const CheckSpec& spec() const { return *plan_->spec; }

  // The upstream is used from now on: the long interval of one that is not ends.
  void OnTraffic();

  State state() const { return state_; }
  bool is_degraded() const { return is_degraded_; }
  // Of the last check; empty if it passed.
  const std::string& error() const { return error_; }

 private:
  void OnAnswer(const Answer& answer) override;
  // Drops what the check used, which may have been on the stack.
  void Run() override;
  void OnTimer();
  void Begin();
  void Finish(const Answer& answer);
  void Judge(const Answer& answer);
  int64_t NextInterval();
  int64_t WithJitter(int64_t interval_ns);

  CheckContext& context_;
  Owner& owner_;
  std::shared_ptr<const CheckPlan> plan_;
  Endpoint endpoint_;  // With the port to ask.
  event::Timer timer_;
  State state_;
  bool is_degraded_ = false;
  bool is_running_ = false;
  bool may_start_ = false;  // The timer is set to when.
  uint32_t successes_ = 0;  // In a row.
  uint32_t failures_ = 0;
  std::string error_;

  // Of the check that runs, or ran last; destroyed in the reverse order.
  std::shared_ptr<const CheckPlan> used_plan_;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Probe> probe_;
};

}  // namespace sluice::upstream::health
