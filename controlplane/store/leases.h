// When each lease of registered endpoints ends. In memory only: a renewal touches no disk.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace sluice::store {

// One owner's endpoints of one upstream are one lease.
//
// Runs on the monotonic clock: a jump of the wall clock must not end every lease at once.
// Thread: any; nothing waits.
// Lifetime: `clock` outlives it.
class Leases {
 public:
  using Name = std::pair<std::string, std::string>;  // Upstream, owner.

  explicit Leases(const Clock& clock) : clock_(clock) {}

  // Begins the lease or, if there is one, renews it.
  void Grant(absl::string_view upstream, absl::string_view owner, absl::Duration ttl);

  // False if there is no such lease.
  bool Renew(absl::string_view upstream, absl::string_view owner, absl::Duration ttl);

  void End(absl::string_view upstream, absl::string_view owner);

  // Wall time at which it ends; unset if there is no such lease.
  std::optional<absl::Time> EndOf(absl::string_view upstream, absl::string_view owner) const;

  bool AnyEnded() const;

  // Removes the leases whose time is up, in one step with finding them: from then on Renew() says
  // false, so that nobody is told of a lease whose endpoints are being withdrawn.
  std::vector<Name> TakeEnded();

  // Their endpoints could not be withdrawn: ended leases again.
  void PutBack(const std::vector<Name>& names);

 private:
  const Clock& clock_;

  mutable Mutex mu_;
  std::map<Name, int64_t> end_ns_ ABSL_GUARDED_BY(mu_);  // Monotonic.
};

}  // namespace sluice::store
