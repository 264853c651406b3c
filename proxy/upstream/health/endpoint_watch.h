// What the control thread knows of one endpoint: its checks, and its part of the numbers.
//
// It is the only one that sets and clears the flags of checks in the EndpointHealth; that of
// ejection it only notices.
//
// Thread: the loop's. Ownership: the upstream's (upstream_health.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proxy/upstream/health/checker.h"

namespace sluice::upstream::health {

// For people.
struct EndpointReport {
  std::string upstream;
  std::string name;  // As configured.
  std::string address;
  uint32_t flags = 0;          // Of EndpointHealth.
  absl::Time since;            // When these flags came to be.
  bool is_checked = false;     // There are checks.
  std::string error;           // Of the last check; empty: it passed, or there was none yet.
  absl::Duration ejected_for;  // Zero: it is in.
  std::string ejected_why;
};

// "failed_check,ejected"; "healthy" without flags.
std::string FlagNames(uint32_t flags);

class EndpointWatch final : private Checker::Owner {
 public:
  EndpointWatch(CheckContext& context, std::shared_ptr<const Settings> settings,
                const Endpoint& endpoint);
  // It is no endpoint any more: gives its place among the ejected back.
  ~EndpointWatch();

  // `plans`: one for each check. Checkers whose question stays go on; others begin anew, from what
  // is known.
  void Adopt(std::shared_ptr<const Settings> settings, const Endpoint& endpoint,
             const std::vector<std::shared_ptr<const CheckPlan>>& plans);

  void OnTraffic() {
    for (const auto& checker : checkers_) checker->OnTraffic();
  }

  // --- Outlier detection.
  bool is_ejected() const { return health().outlier().ejected().has_value(); }
  // Its time is over.
  bool is_due(int64_t now_ns) const;
  void Uneject();
  void Eject(Ejection why);
  EndpointHealth& health() const { return *endpoint_.health; }

  // Brings the numbers and the log up to the flags, whoever changed them.
  void Recount();

  EndpointReport Report() const;

 private:
  void OnChecked(Checker& checker, const Answer& answer) override;
  // The flags that the checkers' states amount to.
  uint32_t CheckFlags() const;
  void SetCheckFlags(uint32_t flags);
  Checker::State KnownState() const;
  void NoteUnejected();
  // Brings the numbers and the list of the unhealthy to these flags.
  void SetCounted(uint32_t flags);
  void CountFlags(uint32_t flags, bool is_added);
  int64_t now_ns() const { return context_.pools.io.loop.now_ns(); }

  CheckContext& context_;
  std::shared_ptr<const Settings> settings_;
  Endpoint endpoint_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  uint32_t counted_flags_ = 0;  // As the numbers have them.
  absl::Time since_;
  std::string error_;
};

}  // namespace sluice::upstream::health
