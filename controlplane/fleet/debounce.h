// When to send what was committed: a lone change at once, a burst when it pauses.
//
// A value without a thread or a clock of its own.
#pragma once

#include <algorithm>
#include <optional>

#include "absl/time/time.h"

namespace sluice::fleet {

class Debounce {
 public:
  struct Options {
    // Changes closer than this belong to one burst.
    absl::Duration quiet = absl::Milliseconds(10);
    // However long a burst lasts, nothing waits longer.
    absl::Duration most = absl::Seconds(1);
  };

  explicit Debounce(Options options) : options_(options) {}

  // Something changed: how long to wait before sending, counted anew from now. Zero: send now.
  absl::Duration OnChange(absl::Time now) {
    const bool is_lone = !waiting_since_.has_value() && now - last_change_ >= options_.quiet;
    last_change_ = now;
    if (is_lone) return absl::ZeroDuration();
    if (!waiting_since_.has_value()) waiting_since_ = now;
    const absl::Duration left = *waiting_since_ + options_.most - now;
    return std::clamp(left, absl::ZeroDuration(), options_.quiet);
  }

  void OnSent() { waiting_since_.reset(); }

  // Something changed and is not sent yet.
  bool is_waiting() const { return waiting_since_.has_value(); }

 private:
  const Options options_;
  absl::Time last_change_ = absl::InfinitePast();
  std::optional<absl::Time> waiting_since_;
};

}  // namespace sluice::fleet
