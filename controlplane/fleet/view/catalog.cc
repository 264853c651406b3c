#include "controlplane/fleet/view/catalog.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "controlplane/fleet/view/needs.h"

namespace sluice::fleet {
namespace {

using resource::Kind;

// The set with `change` made in it.
std::shared_ptr<const UpstreamEndpoints> WithChange(
    const std::shared_ptr<const UpstreamEndpoints>& set, const store::EndpointChange& change) {
  auto next = set == nullptr ? std::make_shared<UpstreamEndpoints>()
                             : std::make_shared<UpstreamEndpoints>(*set);
  const store::StoredEndpoint& any = change.any();
  const auto at = std::lower_bound(next->begin(), next->end(), any,
                                   [](const auto& stored, const store::StoredEndpoint& wanted) {
                                     return stored->order() < wanted.order();
                                   });
  const bool is_there = at != next->end() && (*at)->order() == any.order();
  if (change.after == nullptr) {
    if (is_there) next->erase(at);
  } else if (is_there) {
    *at = change.after;
  } else {
    next->insert(at, change.after);
  }
  if (next->empty()) return nullptr;
  return next;
}

}  // namespace

Catalog::Touched Catalog::Apply(absl::Span<const store::ResourceChange> resources,
                                absl::Span<const store::EndpointChange> endpoints,
                                const std::shared_ptr<const store::StoredTickets>& tickets) {
  Touched touched;
  if (tickets != nullptr) {
    touched.tickets = true;
    // Those that cannot be read are none: proxies use their own until there are new ones.
    tickets_ = tickets::Keyring::Decode(tickets->bytes).value_or(tickets::Keyring());
  }
  for (const store::ResourceChange& change : resources) {
    Slot& slot = SlotOf(change.key());
    SetObject(slot, change.after == nullptr ? nullptr : MakeObject(change.after));
    touched.slots.push_back(&slot);
  }
  for (const store::EndpointChange& change : endpoints) {
    Slot& slot = SlotOf({Kind::kUpstream, "", change.any().upstream});
    slot.endpoints = WithChange(slot.endpoints, change);
    // Changes come by upstream.
    if (touched.upstreams.empty() || touched.upstreams.back() != &slot) {
      touched.upstreams.push_back(&slot);
    }
  }
  return touched;
}

void Catalog::Sweep(const Touched& touched) {
  // A slot may stand in several of these, but is freed once: FreeIfUnused() looks it up by a key
  // that we keep, since the slot may be gone.
  absl::flat_hash_set<Slot*> candidates(touched.slots.begin(), touched.slots.end());
  candidates.insert(touched.upstreams.begin(), touched.upstreams.end());
  candidates.insert(unreferenced_.begin(), unreferenced_.end());
  unreferenced_.clear();
  for (Slot* slot : candidates) FreeIfUnused(slot);
}

Slot& Catalog::SlotOf(const resource::Key& key) {
  const auto [it, is_new] = slots_.try_emplace(key);
  Slot& slot = it->second;
  if (!is_new) return slot;
  slot.key = key;
  if (free_indexes_.empty()) {
    slot.index = static_cast<uint32_t>(slot_limit_++);
  } else {
    slot.index = free_indexes_.back();
    free_indexes_.pop_back();
  }
  return slot;
}

std::shared_ptr<const Object> Catalog::MakeObject(
    std::shared_ptr<const store::StoredResource> stored) {
  Needs needs = NeedsOf(stored->key, stored->bytes);
  auto object = std::make_shared<Object>();
  object->stored = std::move(stored);
  object->groups = std::move(needs.groups);
  object->authenticates = needs.authenticates;
  object->has_tls = needs.has_tls;
  object->schema = needs.schema;
  object->plugins = std::move(needs.plugins);
  for (const resource::Key& key : needs.listeners) object->listeners.push_back(&SlotOf(key));
  for (const resource::Key& key : needs.refs) object->refs.push_back(&SlotOf(key));
  return object;
}

void Catalog::SetObject(Slot& slot, std::shared_ptr<const Object> object) {
  if (object != nullptr) {
    for (Slot* listener : object->listeners) {
      listener->named_by.insert(&slot);
      ++listener->users;
    }
    for (Slot* ref : object->refs) ++ref->users;
  }
  if (slot.object != nullptr) {
    for (Slot* listener : slot.object->listeners) {
      const bool is_still_named =
          object != nullptr && std::find(object->listeners.begin(), object->listeners.end(),
                                         listener) != object->listeners.end();
      if (!is_still_named) listener->named_by.erase(&slot);
      --listener->users;
      unreferenced_.push_back(listener);
    }
    for (Slot* ref : slot.object->refs) {
      --ref->users;
      unreferenced_.push_back(ref);
    }
  }
  slot.object = std::move(object);
  if (slot.key.kind != Kind::kConsumer) return;
  if (slot.object != nullptr) {
    consumers_.insert(&slot);
  } else {
    consumers_.erase(&slot);
  }
}

void Catalog::FreeIfUnused(Slot* slot) {
  if (slot->object != nullptr || slot->endpoints != nullptr || slot->users != 0) return;
  free_indexes_.push_back(slot->index);
  const resource::Key key = slot->key;
  slots_.erase(key);
}

}  // namespace sluice::fleet
