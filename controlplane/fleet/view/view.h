// What the proxies of one set of groups see.
//
//   Listener, Route, StreamRoute, GlobalRule
//                                if one of their groups is in the set, or they name none; one that
//                                names listeners, only if one of those is seen
//   Consumer                     where something that is seen authenticates
//   registered endpoint          where its Upstream is seen
//   ticket keys                  where their Listener is seen, if it speaks TLS
//   everything else              where something that is seen refers to it
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "api/resource/key.h"
#include "api/resource/view_hash.h"
#include "controlplane/fleet/view/catalog.h"

namespace sluice::fleet {

// Of one Listener; empty: none. Never none before and after.
struct TicketsChange {
  std::string listener;
  std::string before;
  std::string after;
};

// From one content of a view to a later one; no key twice, in no order.
struct ViewDelta {
  std::vector<store::ResourceChange> resources;
  std::vector<store::EndpointChange> endpoints;
  std::vector<TicketsChange> tickets;

  bool empty() const { return resources.empty() && endpoints.empty() && tickets.empty(); }
};

// Follows a catalog commit by commit: what is seen is kept by counting who refers to what, so that
// a commit costs what it makes visible, invisible or different. That ends because references have
// no circles: each kind refers only to kinds that do not lead back to it.
//
// Thread: the catalog's.
// Lifetime: `catalog` outlives the view.
class View {
 public:
  // Sees what is there. `groups` are sorted, each once.
  View(Catalog& catalog, std::vector<std::string> groups);
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  // Follows a commit that `catalog` has applied and not yet swept.
  ViewDelta Apply(const Catalog::Touched& touched);

  // As a delta from nothing.
  ViewDelta Everything() const;

  const std::vector<std::string>& groups() const { return groups_; }

  // 32 bytes; of the content as it is.
  const std::string& hash() const { return hash_; }

  // The lowest schema that can read the content.
  uint32_t schema() const { return schemas_.empty() ? 1 : schemas_.rbegin()->first; }

  // Changes with what a proxy must be able to read: the schema and the set of plugins.
  uint64_t needs_version() const { return needs_version_; }

  // Plugins in the content that are not among `known`.
  std::vector<std::string> PluginsBeyond(const std::vector<std::string>& known) const;

 private:
  struct Seen {
    std::shared_ptr<const Object> object;  // Null: not seen.
    uint32_t wanted = 0;                   // By how many objects that are seen.
  };
  using Before = absl::flat_hash_map<Slot*, std::shared_ptr<const Object>>;

  // What is to be seen of the slot as things stand.
  std::shared_ptr<const Object> Wanted(const Slot& slot) const;
  bool IsInGroups(const Object& object) const;
  bool SeesOneOf(absl::Span<Slot* const> listeners) const;

  // Brings `work` and all that follows from it up to date; `before` gets what was seen until now of
  // each slot that changed.
  void Settle(std::vector<Slot*> work, Before* before);
  // Enters or takes back what `object` needs; slots that this brings in or out go to `work`.
  void Count(const Object& object, bool is_added, std::vector<Slot*>* work);
  // Of something that comes or goes.
  void CountSchema(uint32_t schema, bool is_added);

  void AppendResources(const Before& before, ViewDelta* delta);
  void AppendEndpoints(Slot* upstream, ViewDelta* delta);
  // Of all listeners, or of those that `before` names only.
  void AppendTickets(const Before& before, bool of_all, ViewDelta* delta);
  void UpdateTickets(Slot* listener, ViewDelta* delta);

  Catalog& catalog_;
  const std::vector<std::string> groups_;

  std::vector<Seen> seen_;  // By Slot::index.
  absl::flat_hash_map<Slot*, std::shared_ptr<const UpstreamEndpoints>>
      endpoints_;                                     // Of what is seen.
  absl::flat_hash_map<Slot*, std::string> tickets_;   // Keys, of listeners that are seen.
  size_t authenticating_ = 0;                         // Objects that are seen and authenticate.
  std::map<uint32_t, size_t> schemas_;                // How many of what is seen need each.
  absl::flat_hash_map<std::string, size_t> plugins_;  // How many of what is seen use each.
  uint64_t needs_version_ = 0;
  resource::ViewHash view_hash_;
  std::string hash_;
};

}  // namespace sluice::fleet
