#include "controlplane/fleet/view/view.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "api/resource/digest.h"
#include "api/resource/endpoint_traits.h"

namespace sluice::fleet {
namespace {

using resource::Kind;

// Adds to or takes from a table of counts without zeros. True if the key came or went.
template <typename Table, typename Key>
bool Adjust(Table* table, const Key& key, bool is_added) {
  if (is_added) return ++(*table)[key] == 1;
  const auto it = table->find(key);
  if (--it->second > 0) return false;
  table->erase(it);
  return true;
}

const UpstreamEndpoints kNoEndpoints;

// What leads from one set to the other. Both are sorted.
void AppendDifference(const UpstreamEndpoints& from, const UpstreamEndpoints& to,
                      std::vector<store::EndpointChange>* changes) {
  auto a = from.begin();
  auto b = to.begin();
  while (a != from.end() || b != to.end()) {
    if (b == to.end() || (a != from.end() && (*a)->order() < (*b)->order())) {
      changes->push_back({*a++, nullptr});
    } else if (a == from.end() || (*b)->order() < (*a)->order()) {
      changes->push_back({nullptr, *b++});
    } else {
      if ((*a)->traits != (*b)->traits) changes->push_back({*a, *b});
      ++a;
      ++b;
    }
  }
}

}  // namespace

View::View(Catalog& catalog, std::vector<std::string> groups)
    : catalog_(catalog), groups_(std::move(groups)) {
  Catalog::Touched everything;
  everything.slots.reserve(catalog.slot_limit());
  catalog.ForEach([&everything](Slot& slot) {
    everything.slots.push_back(&slot);
    if (slot.endpoints != nullptr) everything.upstreams.push_back(&slot);
  });
  Apply(everything);
}

ViewDelta View::Apply(const Catalog::Touched& touched) {
  seen_.resize(std::max(seen_.size(), catalog_.slot_limit()));
  Before before;
  Settle(touched.slots, &before);
  ViewDelta delta;
  AppendResources(before, &delta);
  absl::flat_hash_set<Slot*> upstreams(touched.upstreams.begin(), touched.upstreams.end());
  for (const auto& [slot, object] : before) {
    if (slot->key.kind == Kind::kUpstream) upstreams.insert(slot);
  }
  for (Slot* upstream : upstreams) AppendEndpoints(upstream, &delta);
  AppendTickets(before, touched.tickets, &delta);
  hash_ = view_hash_.Hash();
  return delta;
}

ViewDelta View::Everything() const {
  ViewDelta all;
  for (const Seen& seen : seen_) {
    if (seen.object != nullptr) all.resources.push_back({nullptr, seen.object->stored});
  }
  for (const auto& [slot, endpoints] : endpoints_) {
    AppendDifference(kNoEndpoints, *endpoints, &all.endpoints);
  }
  for (const auto& [slot, keys] : tickets_) all.tickets.push_back({slot->key.name, "", keys});
  return all;
}

std::vector<std::string> View::PluginsBeyond(const std::vector<std::string>& known) const {
  std::vector<std::string> beyond;
  for (const auto& [plugin, count] : plugins_) {
    if (std::find(known.begin(), known.end(), plugin) == known.end()) beyond.push_back(plugin);
  }
  std::sort(beyond.begin(), beyond.end());
  return beyond;
}

std::shared_ptr<const Object> View::Wanted(const Slot& slot) const {
  if (slot.object == nullptr) return nullptr;
  bool is_wanted = false;
  switch (slot.key.kind) {
    case Kind::kListener:
      is_wanted = IsInGroups(*slot.object);
      break;
    case Kind::kRoute:
    case Kind::kStreamRoute:
    case Kind::kGlobalRule:
      is_wanted = IsInGroups(*slot.object) && SeesOneOf(slot.object->listeners);
      break;
    case Kind::kConsumer:
      is_wanted = authenticating_ > 0;
      break;
    default:
      is_wanted = seen_[slot.index].wanted > 0;
  }
  return is_wanted ? slot.object : nullptr;
}

bool View::IsInGroups(const Object& object) const {
  return object.groups.empty() ||
         std::any_of(object.groups.begin(), object.groups.end(), [this](const std::string& group) {
           return std::binary_search(groups_.begin(), groups_.end(), group);
         });
}

bool View::SeesOneOf(absl::Span<Slot* const> listeners) const {
  return listeners.empty() ||
         std::any_of(listeners.begin(), listeners.end(),
                     [this](const Slot* slot) { return seen_[slot->index].object != nullptr; });
}

void View::Settle(std::vector<Slot*> work, Before* before) {
  while (!work.empty()) {
    Slot* slot = work.back();
    work.pop_back();
    std::shared_ptr<const Object> now = Wanted(*slot);
    std::shared_ptr<const Object>& seen = seen_[slot->index].object;
    if (now == seen) continue;
    before->try_emplace(slot, seen);
    const std::shared_ptr<const Object> until_now = std::exchange(seen, now);
    // Added before taken back, so that what both need never looks unneeded.
    if (now != nullptr) Count(*now, true, &work);
    if (until_now != nullptr) Count(*until_now, false, &work);
    const bool has_turned = (now == nullptr) != (until_now == nullptr);
    if (has_turned) work.insert(work.end(), slot->named_by.begin(), slot->named_by.end());
  }
}

void View::Count(const Object& object, bool is_added, std::vector<Slot*>* work) {
  for (Slot* ref : object.refs) {
    uint32_t& wanted = seen_[ref->index].wanted;
    const bool turns = wanted == (is_added ? 0u : 1u);
    wanted += is_added ? 1u : ~0u;
    if (turns) work->push_back(ref);
  }
  if (object.authenticates) {
    const bool turns = authenticating_ == (is_added ? 0u : 1u);
    authenticating_ += is_added ? size_t{1} : ~size_t{0};
    if (turns) work->insert(work->end(), catalog_.consumers().begin(), catalog_.consumers().end());
  }
  CountSchema(object.schema, is_added);
  for (const std::string& plugin : object.plugins) {
    if (Adjust(&plugins_, plugin, is_added)) ++needs_version_;
  }
}

void View::CountSchema(uint32_t schema, bool is_added) {
  if (Adjust(&schemas_, schema, is_added)) ++needs_version_;
}

void View::AppendResources(const Before& before, ViewDelta* delta) {
  for (const auto& [slot, object] : before) {
    const std::shared_ptr<const Object>& now = seen_[slot->index].object;
    if (now == nullptr) {
      if (object == nullptr) continue;  // It came and went.
      delta->resources.push_back({object->stored, nullptr});
      view_hash_.Remove(resource::ObjectKey(slot->key));
    } else if (object == nullptr || object->stored->digest != now->stored->digest) {
      delta->resources.push_back({object == nullptr ? nullptr : object->stored, now->stored});
      view_hash_.Upsert(resource::ObjectKey(slot->key), now->stored->digest);
    }
  }
}

void View::AppendEndpoints(Slot* upstream, ViewDelta* delta) {
  const bool is_seen = seen_[upstream->index].object != nullptr;
  const std::shared_ptr<const UpstreamEndpoints> now = is_seen ? upstream->endpoints : nullptr;
  const auto it = endpoints_.find(upstream);
  const std::shared_ptr<const UpstreamEndpoints> until_now =
      it == endpoints_.end() ? nullptr : it->second;
  if (now == until_now) return;
  const size_t first = delta->endpoints.size();
  AppendDifference(until_now == nullptr ? kNoEndpoints : *until_now,
                   now == nullptr ? kNoEndpoints : *now, &delta->endpoints);
  for (size_t i = first; i < delta->endpoints.size(); ++i) {
    const store::EndpointChange& change = delta->endpoints[i];
    const store::StoredEndpoint& e = change.any();
    const std::string key = resource::EndpointObjectKey(e.upstream, e.owner, e.address);
    if (change.before != nullptr) CountSchema(resource::SchemaOf(change.before->traits), false);
    if (change.after == nullptr) {
      view_hash_.Remove(key);
    } else {
      CountSchema(resource::SchemaOf(change.after->traits), true);
      view_hash_.Upsert(key, resource::EndpointDigest(e.upstream, e.owner, e.address, e.traits));
    }
  }
  if (now == nullptr) {
    endpoints_.erase(upstream);
  } else {
    endpoints_[upstream] = now;
  }
}

void View::AppendTickets(const Before& before, bool of_all, ViewDelta* delta) {
  for (const auto& [slot, object] : before) {
    if (slot->key.kind == Kind::kListener) UpdateTickets(slot, delta);
  }
  if (!of_all) return;
  catalog_.ForEach([&](Slot& slot) {
    if (slot.key.kind == Kind::kListener && !before.contains(&slot)) UpdateTickets(&slot, delta);
  });
}

void View::UpdateTickets(Slot* listener, ViewDelta* delta) {
  const std::shared_ptr<const Object>& object = seen_[listener->index].object;
  const bool is_wanted = object != nullptr && object->has_tls;
  const std::string& name = listener->key.name;
  std::string now = is_wanted ? catalog_.TicketKeysOf(name) : "";
  const auto it = tickets_.find(listener);
  std::string until_now = it == tickets_.end() ? "" : it->second;
  if (now == until_now) return;
  delta->tickets.push_back({name, std::move(until_now), now});
  const std::string key = resource::TicketKeysObjectKey(name);
  if (now.empty()) {
    view_hash_.Remove(key);
    tickets_.erase(it);
  } else {
    view_hash_.Upsert(key, resource::TicketKeysDigest(name, now));
    tickets_[listener] = std::move(now);
  }
}

}  // namespace sluice::fleet
