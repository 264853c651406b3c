#include "controlplane/fleet/progress.h"

#include <utility>

namespace sluice::fleet {

Progress::Next Progress::Decide(const Generation& target, const Rejections& rejections,
                                absl::Time now) const {
  if (under_way_.has_value()) return Next::kWait;
  if (wants_full_) {
    if (rejections.Has(target.view_hash)) return Next::kRejected;
    return now < full_not_before_ ? Next::kWait : Next::kFull;
  }
  if (held_ == target) return Next::kNothing;
  const bool is_of_store = held_.has_value() && held_->id.store_id == target.id.store_id;
  if (is_of_store && held_->id.IsAfter(target.id)) return Next::kAhead;
  if (is_of_store && held_->view_hash == target.view_hash) return Next::kDelta;
  if (rejections.Has(target.view_hash)) return Next::kRejected;
  return is_of_store ? Next::kDelta : Next::kFull;
}

void Progress::OnSent(const Generation& to, absl::Time now) {
  under_way_ = to;
  sent_at_ = now;
  wants_full_ = false;
}

bool Progress::OnStatus(const Generation& generation, Outcome outcome) {
  if (outcome != Outcome::kRejected) held_ = generation;
  if (under_way_ != generation) return false;
  under_way_.reset();
  return true;
}

bool Progress::OnReport(const std::optional<Generation>& active) {
  held_ = active;
  if (!active.has_value() || under_way_ != active) return false;
  under_way_.reset();
  return true;
}

void Progress::OnResync(absl::Time now) {
  // The first is answered at once; one that follows soon means that full updates do not help.
  if (now - last_resync_ < kResyncPause) full_not_before_ = now + kResyncPause;
  last_resync_ = now;
  under_way_.reset();
  wants_full_ = true;
}

}  // namespace sluice::fleet
