// The view that is applied: what of it must be known to take the next update.
//
// Holds no configuration, only names and digests: about 200 bytes an object. The content is with
// whoever applied it, and on disk.
//
// Thread: one, the build thread's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "api/resource/view_hash.h"
#include "proxy/sync/record.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

class HeldView {
 public:
  // Where each object that a change upserts lies in the journal: those of `upserts`, then those of
  // `endpoint_upserts`, then those of `ticket_upserts`.
  using Locations = std::vector<Location>;
  // For a change that is not on disk.
  static Locations NowhereFor(const ViewChange& change) {
    return Locations(change.upserts.size() + change.endpoint_upserts.size() +
                     change.ticket_upserts.size());
  }

  // Compares `change`, as it was received, with what is held, and leaves in it what differs,
  // sorted. `is_full`: what the change does not bring is to be removed. Gives the hash that is held
  // once it is applied; the caller compares.
  //   INVALID_ARGUMENT  it names an object twice
  absl::StatusOr<resource::ViewHash> Reduce(ViewChange& change, bool is_full) const;

  // Takes over what Reduce() left of a change that was applied.
  void Adopt(const ViewChange& change, resource::ViewHash hash, const Locations& locations);

  const std::optional<Generation>& generation() const { return generation_; }

  // By object key.
  const absl::flat_hash_map<std::string, Location>& objects() const { return objects_; }
  // Null if it is not held.
  const Location* Find(const std::string& object_key) const;
  // For the journal, which moves records.
  void SetLocation(const std::string& object_key, Location location);

 private:
  std::optional<Generation> generation_;
  resource::ViewHash hash_;
  absl::flat_hash_map<std::string, Location> objects_;
};

}  // namespace sluice::sync
