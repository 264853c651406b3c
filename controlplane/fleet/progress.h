// What one connected proxy holds, and so what it is to be sent next.
//
// Latest wins: at most one update is under way; when it is answered, whatever is newest then comes
// next. A value without a thread or a clock of its own.
//
//   state        what it waits for                     left by
//   idle         nothing                               OnSent
//   under way    ACTIVE, DEGRADED or REJECTED          OnStatus, OnReport, OnResync, a new stream
//   wants full   nothing: the next update is full      OnSent
#pragma once

#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "controlplane/fleet/view/generation.h"

namespace sluice::fleet {

// View hashes that one process of a proxy has rejected. It is the content that is bad, so that the
// same content under a later number is not tried again either.
class Rejections {
 public:
  void Add(const std::string& view_hash) {
    // What a proxy claims is bounded; forgetting costs another try.
    if (hashes_.size() >= 64) hashes_.clear();
    hashes_.insert(view_hash);
  }
  bool Has(const std::string& view_hash) const { return hashes_.contains(view_hash); }
  const absl::flat_hash_set<std::string>& hashes() const { return hashes_; }

 private:
  absl::flat_hash_set<std::string> hashes_;
};

class Progress {
 public:
  enum class Next {
    kNothing,   // It holds the target.
    kWait,      // An update is under way, or it asked for too many full ones.
    kDelta,     // Send the difference from what it holds (a full one if that is not known).
    kFull,      // Send everything.
    kRejected,  // It has rejected this content.
    kAhead,     // It holds more than the store: the epoch must be raised.
  };
  enum class Outcome { kActive, kDegraded, kRejected };

  // What a proxy may cost: a second full update that it asked for waits this long.
  static constexpr absl::Duration kResyncPause = absl::Seconds(30);

  explicit Progress(std::optional<Generation> held) : held_(std::move(held)) {}

  Next Decide(const Generation& target, const Rejections& rejections, absl::Time now) const;

  void OnSent(const Generation& to, absl::Time now);

  // It said what became of `generation`. True if that answers the update under way.
  bool OnStatus(const Generation& generation, Outcome outcome);

  // It said what it serves. True if that answers the update under way.
  bool OnReport(const std::optional<Generation>& active);

  // It asked for a full update; what is under way is void.
  void OnResync(absl::Time now);

  const std::optional<Generation>& held() const { return held_; }
  const std::optional<Generation>& under_way() const { return under_way_; }
  absl::Time sent_at() const { return sent_at_; }

 private:
  std::optional<Generation> held_;
  std::optional<Generation> under_way_;
  absl::Time sent_at_;  // Of what is under way.
  bool wants_full_ = false;
  absl::Time full_not_before_ = absl::InfinitePast();
  absl::Time last_resync_ = absl::InfinitePast();
};

}  // namespace sluice::fleet
