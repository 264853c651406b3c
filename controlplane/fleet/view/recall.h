// How a view went on from contents that it had before this control plane followed it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "controlplane/fleet/view/feed.h"
#include "controlplane/store/ledger.h"

namespace sluice::fleet {

// Leads the view of `groups` (sorted, each once) through the history, from each of the generations
// `from` to the next and from the last one to `to`. Generations that are no longer kept, and those
// after `to`, are left out; what the numbers meant in the life of a store before it was restored
// shows in the hashes. So are those before the present ticket keys: what was then is not kept.
//
// Costs a walk over all that was configured at the first of them and what has changed since. Waits
// for the disk.
std::vector<Feed::PastStep> Recall(store::Ledger& ledger, const std::vector<std::string>& groups,
                                   const std::set<uint64_t>& from, uint64_t to);

}  // namespace sluice::fleet
