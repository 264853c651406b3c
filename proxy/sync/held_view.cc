#include "proxy/sync/held_view.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"

namespace sluice::sync {
namespace {

std::string KeyOf(const ViewChange::Upsert& upsert) { return resource::ObjectKey(upsert.key); }
std::string KeyOf(const resource::Key& key) { return resource::ObjectKey(key); }
std::string KeyOf(const RegisteredEndpoint& endpoint) { return ObjectKeyOf(endpoint); }

std::string KeyOf(const TicketKeys& tickets) { return ObjectKeyOf(tickets); }

std::string DigestOf(const ViewChange::Upsert& upsert) { return upsert.digest; }

// In the order of object keys, without making them.
bool IsBefore(const ViewChange::Upsert& a, const ViewChange::Upsert& b) { return a.key < b.key; }
bool IsBefore(const resource::Key& a, const resource::Key& b) { return a < b; }
bool IsBefore(const RegisteredEndpoint& a, const RegisteredEndpoint& b) {
  return std::tie(a.upstream, a.owner, a.address) < std::tie(b.upstream, b.owner, b.address);
}
bool IsBefore(const TicketKeys& a, const TicketKeys& b) { return a.listener < b.listener; }

template <typename T>
void SortByKey(std::vector<T>& objects) {
  std::sort(objects.begin(), objects.end(), [](const T& a, const T& b) { return IsBefore(a, b); });
}

}  // namespace

absl::StatusOr<resource::ViewHash> HeldView::Reduce(ViewChange& change, bool is_full) const {
  resource::ViewHash hash = is_full ? resource::ViewHash() : hash_;
  absl::flat_hash_set<std::string> named;
  named.reserve(change.upserts.size());
  std::string twice;
  // Upserts that change nothing and removals of what is not there go out.
  const auto upsert = [&](auto& object) {
    std::string key = KeyOf(object);
    const std::string digest = DigestOf(object);
    hash.Upsert(key, digest);
    const bool is_held = objects_.contains(key) && hash_.Find(key) == digest;
    if (const auto [it, is_new] = named.insert(std::move(key)); !is_new) twice = *it;
    return is_held;
  };
  const auto remove = [&](auto& object) {
    std::string key = KeyOf(object);
    hash.Remove(key);
    const bool is_absent = !objects_.contains(key);
    if (const auto [it, is_new] = named.insert(std::move(key)); !is_new) twice = *it;
    return is_absent;
  };
  std::erase_if(change.upserts, upsert);
  std::erase_if(change.endpoint_upserts, upsert);
  std::erase_if(change.ticket_upserts, upsert);
  std::erase_if(change.removals, remove);
  std::erase_if(change.endpoint_removals, remove);
  std::erase_if(change.ticket_removals, remove);
  if (!twice.empty()) {
    std::replace(twice.begin(), twice.end(), '\0', '/');
    return absl::InvalidArgumentError(absl::StrCat("update: it names ", twice, " twice"));
  }
  if (is_full) {
    for (const auto& [key, location] : objects_) {
      if (named.contains(key)) continue;
      std::optional<ObjectName> name = ParseObjectKey(key);
      if (!name.has_value()) continue;  // No such key was ever put in.
      if (name->resource.has_value()) change.removals.push_back(*std::move(name->resource));
      if (name->endpoint.has_value()) {
        change.endpoint_removals.push_back(*std::move(name->endpoint));
      }
      if (name->tickets.has_value()) change.ticket_removals.push_back(*std::move(name->tickets));
    }
  }
  SortByKey(change.upserts);
  SortByKey(change.removals);
  SortByKey(change.endpoint_upserts);
  SortByKey(change.endpoint_removals);
  SortByKey(change.ticket_upserts);
  SortByKey(change.ticket_removals);
  return hash;
}

void HeldView::Adopt(const ViewChange& change, resource::ViewHash hash,
                     const Locations& locations) {
  generation_ = change.generation;
  hash_ = std::move(hash);
  size_t next = 0;
  for (const ViewChange::Upsert& upsert : change.upserts) {
    objects_[KeyOf(upsert)] = locations[next++];
  }
  for (const RegisteredEndpoint& endpoint : change.endpoint_upserts) {
    objects_[KeyOf(endpoint)] = locations[next++];
  }
  for (const TicketKeys& tickets : change.ticket_upserts) {
    objects_[KeyOf(tickets)] = locations[next++];
  }
  for (const resource::Key& key : change.removals) objects_.erase(KeyOf(key));
  for (const RegisteredEndpoint& endpoint : change.endpoint_removals) {
    objects_.erase(KeyOf(endpoint));
  }
  for (const TicketKeys& tickets : change.ticket_removals) objects_.erase(KeyOf(tickets));
}

const Location* HeldView::Find(const std::string& object_key) const {
  const auto it = objects_.find(object_key);
  return it == objects_.end() ? nullptr : &it->second;
}

void HeldView::SetLocation(const std::string& object_key, Location location) {
  objects_[object_key] = location;
}

}  // namespace sluice::sync
