// All views that proxies have, following the ledger together.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/fleet/view/catalog.h"
#include "controlplane/fleet/view/feed.h"
#include "controlplane/store/ledger.h"

namespace sluice::fleet {

// Proxies by node name, as they were at one moment. Immutable.
using Members = std::vector<std::string>;

// Proxies that are in the same set of groups share one view.
//
// Thread: one at a time.
class Feeds {
 public:
  struct Entry {
    Entry(Catalog& catalog, const std::vector<std::string>& groups, Feed::Limits limits)
        : feed(catalog, groups, limits) {}

    Feed feed;
    std::set<std::string> nodes;             // That are connected.
    std::shared_ptr<const Members> members;  // `nodes`; null: to be made.
    absl::Time left_at;                      // By the last of them.
  };

  explicit Feeds(Feed::Limits limits) : limits_(limits) {}

  // Takes the state at which a subscription begins.
  void Start(const store::State& state);

  // The connected proxies of each view that the commit changed.
  std::vector<std::shared_ptr<const Members>> Follow(const store::CommitEvent& event);

  // A proxy of `groups` (sorted, each once) connects. The first one of a set of groups costs a walk
  // over all that is configured.
  Entry& Join(const std::vector<std::string>& groups, const std::string& node);
  // Null: no proxy has been in this set of groups of late.
  Entry* Find(const std::vector<std::string>& groups);
  void Leave(Entry& entry, const std::string& node, absl::Time now);

  // Drops views whose last proxy left before `before`: until then one that comes back finds what
  // has changed meanwhile.
  void DropUnused(absl::Time before);

  size_t size() const { return entries_.size(); }

 private:
  const Feed::Limits limits_;
  Catalog catalog_;
  std::map<std::vector<std::string>, std::unique_ptr<Entry>> entries_;
};

}  // namespace sluice::fleet
