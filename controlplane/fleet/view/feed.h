// One view with what it takes to bring proxies to it from wherever they are.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/fleet/view/generation.h"
#include "controlplane/fleet/view/update.h"
#include "controlplane/fleet/view/view.h"

namespace sluice::fleet {

// Remembers how the view's content changed of late, and hands out encoded updates.
//
// Content is known by its hash, not by its number: a proxy that comes with any earlier number, or
// from before a restored backup, but with content that is remembered, needs only the difference.
//
// Thread: the catalog's.
class Feed {
 public:
  // Bounds of what is remembered; whoever is further behind gets a full update.
  struct Limits {
    size_t changes = 1024;
    size_t bytes = 16 << 20;  // Of resources.
  };

  // How the view went on from a content that it had before it was followed.
  struct PastStep {
    std::string from_hash;
    std::string to_hash;
    ViewDelta delta;
  };

  Feed(Catalog& catalog, std::vector<std::string> groups, Limits limits);

  // Follows a commit. True if it changed the content.
  bool Follow(const Catalog::Touched& touched);

  // Takes in what was found in the history. The steps lead, one by one, to a content that is
  // remembered; those that do not are of no use and forgotten in time.
  void Learn(std::vector<PastStep> steps);

  // Whether a proxy that holds content of this hash needs only the difference.
  bool Remembers(const std::string& hash);

  const View& view() const { return view_; }

  // The update from what a proxy holds to `id`, which names the commit that was followed last; full
  // if `held` is unset or no longer remembered. Shared by all who ask for the same.
  std::shared_ptr<const Update> UpdateTo(const store::GenerationId& id, absl::Time committed_at,
                                         const std::optional<Generation>& held);

 private:
  // A content and how the view went on from it.
  struct Change {
    std::string from_hash;
    ViewDelta delta;
    size_t bytes = 0;
  };

  // What leads from the content of that hash to the present one, in order; unset if it is not
  // remembered.
  std::optional<std::vector<const ViewDelta*>> PathFrom(std::string hash) const;
  // Null if it is not remembered.
  std::shared_ptr<const Entries> EntriesSince(const std::string& hash);
  std::shared_ptr<const Entries> AllEntries();

  const Limits limits_;
  View view_;
  std::deque<Change> changes_;  // Oldest first.
  size_t bytes_ = 0;            // Of all changes.
  std::deque<PastStep> past_;   // As they were learnt.
  size_t past_bytes_ = 0;

  // To the present content, by the hash of the content from which they lead.
  std::map<std::string, std::shared_ptr<const Entries>> entries_;
  // A full update may be large, so that it lives only while it is being sent to somebody.
  std::weak_ptr<const Entries> all_entries_;

  // To `updates_to_`: by the store, epoch, number and hash that they start from.
  using From = std::tuple<std::string, uint64_t, uint64_t, std::string>;
  std::map<From, std::weak_ptr<const Update>> updates_;
  store::GenerationId updates_to_;
};

}  // namespace sluice::fleet
