// All that is configured, indexed so that a commit costs each view what it changes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/types/span.h"
#include "api/resource/key.h"
#include "controlplane/store/store.h"
#include "controlplane/tickets/keyring.h"

namespace sluice::fleet {

struct Slot;

// One version of one resource with what it needs (needs.h). Immutable.
struct Object {
  std::shared_ptr<const store::StoredResource> stored;
  std::vector<std::string> groups;
  std::vector<Slot*> listeners;
  std::vector<Slot*> refs;
  bool authenticates = false;
  bool has_tls = false;
  uint32_t schema = 1;
  std::vector<std::string> plugins;
};

// By owner and address. Immutable: a change makes another one.
using UpstreamEndpoints = std::vector<std::shared_ptr<const store::StoredEndpoint>>;

// The place of a key, whether a resource has it or another only names it.
struct Slot {
  resource::Key key;
  uint32_t index = 0;                                  // Dense: views keep vectors by it.
  std::shared_ptr<const Object> object;                // Null: there is no such resource.
  std::shared_ptr<const UpstreamEndpoints> endpoints;  // Of an Upstream; null: none.
  absl::flat_hash_set<Slot*> named_by;                 // Of a Listener: what names it.
  uint32_t users = 0;                                  // Objects that refer to it, in this catalog.
};

// Thread: one at a time.
class Catalog {
 public:
  // What one commit touched, each slot once.
  struct Touched {
    std::vector<Slot*> slots;
    std::vector<Slot*> upstreams;  // Whose endpoints changed.
    bool tickets = false;          // All ticket keys did.
  };

  Catalog() = default;
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  // Slots that are no longer needed stay until Sweep(), so that views can let go of them.
  // `tickets`: the new ones; null: they stay as they are.
  Touched Apply(absl::Span<const store::ResourceChange> resources,
                absl::Span<const store::EndpointChange> endpoints,
                const std::shared_ptr<const store::StoredTickets>& tickets = nullptr);

  // Frees the slots of the last Apply() that nothing uses. Views have followed before.
  void Sweep(const Touched& touched);

  // Every slot, in no order.
  template <typename Visit>
  void ForEach(Visit visit) {
    for (auto& [key, slot] : slots_) visit(slot);
  }

  // Slots of resources of Kind::kConsumer.
  const absl::flat_hash_set<Slot*>& consumers() const { return consumers_; }

  // Of the Listener; empty: there are none.
  std::string TicketKeysOf(const std::string& listener) const { return tickets_.KeysOf(listener); }

  // One above the highest Slot::index.
  size_t slot_limit() const { return slot_limit_; }

 private:
  Slot& SlotOf(const resource::Key& key);
  std::shared_ptr<const Object> MakeObject(std::shared_ptr<const store::StoredResource> stored);
  void SetObject(Slot& slot, std::shared_ptr<const Object> object);
  void FreeIfUnused(Slot* slot);

  absl::node_hash_map<resource::Key, Slot> slots_;
  absl::flat_hash_set<Slot*> consumers_;
  tickets::Keyring tickets_;
  size_t slot_limit_ = 0;
  std::vector<uint32_t> free_indexes_;
  std::vector<Slot*> unreferenced_;  // By objects that Apply() replaced, until Sweep().
};

}  // namespace sluice::fleet
