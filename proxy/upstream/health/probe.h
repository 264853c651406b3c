// One check of one endpoint while it is under way.
//
// Thread: the loop's. Ownership: the checker's. Once it has told its answer it holds no connection
// and tells nothing more, but it may be on the stack. Destroying it gives the check up.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/observe/metric_table.h"
#include "proxy/upstream/check_spec.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/settings.h"

namespace sluice::upstream::health {

// What a check came to.
struct Answer {
  observe::CheckResult result = observe::CheckResult::kPassed;
  // The endpoint itself said that it is not well: not to be counted up to a threshold first.
  bool is_final = false;
  bool is_degraded = false;
  // This process had no memory or descriptors for it: it says nothing of the endpoint.
  bool is_void = false;
  std::string error = {};  // "status 503"; empty if it passed.

  static Answer Passed(bool is_degraded = false) { return {.is_degraded = is_degraded}; }
  static Answer Wrong(std::string error, bool is_final = true) {
    return {
        .result = observe::CheckResult::kWrong, .is_final = is_final, .error = std::move(error)};
  }
  static Answer Network(std::string error) {
    return {.result = observe::CheckResult::kNetwork, .error = std::move(error)};
  }
  static Answer Void() {
    return {.result = observe::CheckResult::kNetwork,
            .is_void = true,
            .error = "out of memory or descriptors"};
  }
};

class Probe {
 public:
  class Owner {
   public:
    // Once, after Start() has returned.
    virtual void OnAnswer(const Answer& answer) = 0;

   protected:
    ~Owner() = default;
  };

  virtual ~Probe() = default;

  // Its answer, where that is known at once; the owner is not told then.
  [[nodiscard]] virtual std::optional<Answer> Start() = 0;
};

// What is asked, and how one gets there.
struct Question {
  PoolContext& context;
  const CheckSpec& spec;
  const Settings& settings;  // Of the upstream.
  const Endpoint& endpoint;  // With the port to ask.
};

// `pool`, of connections to the endpoint, is for checks that are requests. Everything outlives the
// probe.
std::unique_ptr<Probe> MakeProbe(const Question& question, Pool* pool, Probe::Owner& owner);

}  // namespace sluice::upstream::health
