#include "api/validate/index.h"

#include <algorithm>
#include <utility>

#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

template <typename Map, typename Id>
void AddTo(Map& map, const Id& id, const Key* key) {
  map[id].push_back(key);
}

template <typename Map, typename Id>
void RemoveFrom(Map& map, const Id& id, const Key* key) {
  const auto found = map.find(id);
  if (found == map.end()) return;
  auto& keys = found->second;
  keys.erase(std::remove(keys.begin(), keys.end(), key), keys.end());
  if (keys.empty()) map.erase(found);
}

}  // namespace

void Index::Insert(const Key& key, Facts facts) {
  const auto [entry, is_new] = entries_.insert_or_assign(key, std::move(facts));
  const Key* stored = &entry->first;
  const Facts& added = entry->second;
  for (const Key& target : added.targets) referrers_[target].insert(stored);
  for (const std::string& credential : added.credentials) {
    AddTo(consumers_by_credential_, credential, stored);
  }
  if (added.listener != nullptr) AddTo(listeners_by_port_, added.listener->address.port, stored);
  if (added.route != nullptr) {
    for (const MatchId& id : added.route->match_ids) AddTo(routes_by_match_, id, stored);
    if (!added.route->has_target) routes_without_target_.insert(stored);
  }
}

void Index::Remove(const Key& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  const Key* stored = &entry->first;
  const Facts& removed = entry->second;
  for (const Key& target : removed.targets) {
    const auto referrers = referrers_.find(target);
    referrers->second.erase(stored);
    if (referrers->second.empty()) referrers_.erase(referrers);
  }
  for (const std::string& credential : removed.credentials) {
    RemoveFrom(consumers_by_credential_, credential, stored);
  }
  if (removed.listener != nullptr) {
    RemoveFrom(listeners_by_port_, removed.listener->address.port, stored);
  }
  if (removed.route != nullptr) {
    for (const MatchId& id : removed.route->match_ids) RemoveFrom(routes_by_match_, id, stored);
    routes_without_target_.erase(stored);
  }
  entries_.erase(entry);
}

void Index::Apply(const ChangeSet& change) {
  for (const Key& key : change.deletions) Remove(key);
  for (const v1::Resource* resource : change.upserts) {
    const Key key = resource::KeyOf(*resource);
    Remove(key);
    Insert(key, FactsOf(*resource).facts);
  }
}

std::vector<Key> Index::ReferrersOf(const Key& key) const {
  std::vector<Key> keys;
  const auto found = referrers_.find(key);
  if (found != referrers_.end()) {
    for (const Key* referrer : found->second) keys.push_back(*referrer);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace sluice::validate
