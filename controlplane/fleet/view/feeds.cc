#include "controlplane/fleet/view/feeds.h"

#include <iterator>

namespace sluice::fleet {

void Feeds::Start(const store::State& state) {
  std::vector<store::ResourceChange> resources;
  resources.reserve(state.resources.size());
  for (const auto& resource : state.resources) resources.push_back({nullptr, resource});
  std::vector<store::EndpointChange> endpoints;
  endpoints.reserve(state.endpoints.size());
  for (const auto& endpoint : state.endpoints) endpoints.push_back({nullptr, endpoint});
  catalog_.Sweep(catalog_.Apply(resources, endpoints, state.tickets));
}

std::vector<std::shared_ptr<const Members>> Feeds::Follow(const store::CommitEvent& event) {
  std::vector<std::shared_ptr<const Members>> concerned;
  const Catalog::Touched touched = catalog_.Apply(
      event.resources, event.endpoints, event.changes_tickets ? event.state->tickets : nullptr);
  for (auto& [groups, entry] : entries_) {
    if (!entry->feed.Follow(touched) || entry->nodes.empty()) continue;
    if (entry->members == nullptr) {
      entry->members = std::make_shared<Members>(entry->nodes.begin(), entry->nodes.end());
    }
    concerned.push_back(entry->members);
  }
  catalog_.Sweep(touched);
  return concerned;
}

Feeds::Entry& Feeds::Join(const std::vector<std::string>& groups, const std::string& node) {
  std::unique_ptr<Entry>& entry = entries_[groups];
  if (entry == nullptr) entry = std::make_unique<Entry>(catalog_, groups, limits_);
  entry->nodes.insert(node);
  entry->members = nullptr;
  return *entry;
}

Feeds::Entry* Feeds::Find(const std::vector<std::string>& groups) {
  const auto it = entries_.find(groups);
  return it == entries_.end() ? nullptr : it->second.get();
}

void Feeds::Leave(Entry& entry, const std::string& node, absl::Time now) {
  entry.nodes.erase(node);
  entry.members = nullptr;
  entry.left_at = now;
}

void Feeds::DropUnused(absl::Time before) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const Entry& entry = *it->second;
    const bool is_unused = entry.nodes.empty() && entry.left_at < before;
    it = is_unused ? entries_.erase(it) : std::next(it);
  }
}

}  // namespace sluice::fleet
