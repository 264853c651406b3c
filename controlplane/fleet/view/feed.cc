#include "controlplane/fleet/view/feed.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace sluice::fleet {
namespace {

size_t BytesOf(const ViewDelta& delta) {
  size_t bytes = 0;
  for (const store::ResourceChange& change : delta.resources) {
    if (change.before != nullptr) bytes += change.before->bytes.size();
    if (change.after != nullptr) bytes += change.after->bytes.size();
  }
  return bytes;
}

bool IsSame(const store::ResourceChange& change) {
  if (change.before == nullptr || change.after == nullptr) return change.before == change.after;
  return change.before->digest == change.after->digest;
}

bool IsSame(const store::EndpointChange& change) {
  if (change.before == nullptr || change.after == nullptr) return change.before == change.after;
  return change.before->traits == change.after->traits;
}

bool IsSame(const TicketsChange& change) { return change.before == change.after; }

// Joins changes of the same key: the first `before`, the last `after`; nothing of what is as it
// was.
template <typename Key, typename Change>
class Joined {
 public:
  void Add(const Key& key, const Change& change) {
    const auto [it, is_new] = changes_.try_emplace(key, change);
    if (!is_new) it->second.after = change.after;
  }

  std::vector<Change> Take() && {
    std::vector<Change> joined;
    for (auto& [key, change] : changes_) {
      if (!IsSame(change)) joined.push_back(std::move(change));
    }
    return joined;
  }

 private:
  absl::flat_hash_map<Key, Change> changes_;
};

ViewDelta JoinAll(const std::vector<const ViewDelta*>& path) {
  if (path.size() == 1) return *path[0];
  Joined<resource::Key, store::ResourceChange> resources;
  Joined<std::tuple<std::string, std::string, std::string>, store::EndpointChange> endpoints;
  Joined<std::string, TicketsChange> tickets;
  for (const ViewDelta* delta : path) {
    for (const store::ResourceChange& c : delta->resources) resources.Add(c.key(), c);
    for (const store::EndpointChange& c : delta->endpoints) {
      endpoints.Add({c.any().upstream, c.any().owner, c.any().address}, c);
    }
    for (const TicketsChange& c : delta->tickets) tickets.Add(c.listener, c);
  }
  return {std::move(resources).Take(), std::move(endpoints).Take(), std::move(tickets).Take()};
}

}  // namespace

Feed::Feed(Catalog& catalog, std::vector<std::string> groups, Limits limits)
    : limits_(limits), view_(catalog, std::move(groups)) {}

bool Feed::Follow(const Catalog::Touched& touched) {
  std::string from_hash = view_.hash();
  ViewDelta delta = view_.Apply(touched);
  if (delta.empty()) return false;
  const size_t bytes = BytesOf(delta);
  changes_.push_back({std::move(from_hash), std::move(delta), bytes});
  bytes_ += bytes;
  while (changes_.size() > limits_.changes || bytes_ > limits_.bytes) {
    bytes_ -= changes_.front().bytes;
    changes_.pop_front();
  }
  entries_.clear();
  all_entries_.reset();
  return true;
}

std::shared_ptr<const Update> Feed::UpdateTo(const store::GenerationId& id, absl::Time committed_at,
                                             const std::optional<Generation>& held) {
  if (updates_to_ != id) {
    updates_.clear();
    updates_to_ = id;
  }
  From key;
  std::shared_ptr<const Entries> entries;
  if (held.has_value()) entries = EntriesSince(held->view_hash);
  const bool is_full = entries == nullptr;
  if (!is_full) key = {held->id.store_id, held->id.epoch, held->id.number, held->view_hash};
  std::weak_ptr<const Update>& shared = updates_[key];
  if (std::shared_ptr<const Update> update = shared.lock(); update != nullptr) return update;
  if (is_full) entries = AllEntries();
  Step step{is_full ? std::nullopt : held, {id, view_.hash()}, view_.schema(), committed_at};
  std::shared_ptr<const Update> update = MakeUpdate(std::move(step), std::move(entries));
  shared = update;
  return update;
}

void Feed::Learn(std::vector<PastStep> steps) {
  for (PastStep& step : steps) {
    past_bytes_ += BytesOf(step.delta);
    past_.push_back(std::move(step));
  }
  while (past_.size() > limits_.changes || past_bytes_ > limits_.bytes) {
    past_bytes_ -= BytesOf(past_.front().delta);
    past_.pop_front();
  }
}

bool Feed::Remembers(const std::string& hash) { return EntriesSince(hash) != nullptr; }

std::optional<std::vector<const ViewDelta*>> Feed::PathFrom(std::string hash) const {
  std::vector<const ViewDelta*> path;
  // Contents come again: the bound ends a walk in circles.
  for (size_t steps = 0; steps <= past_.size(); ++steps) {
    if (hash == view_.hash()) return path;
    const auto is_from = [&hash](const auto& change) { return change.from_hash == hash; };
    const auto last = std::find_if(changes_.rbegin(), changes_.rend(), is_from);
    if (last != changes_.rend()) {
      for (auto change = last.base() - 1; change != changes_.end(); ++change) {
        path.push_back(&change->delta);
      }
      return path;
    }
    const auto past = std::find_if(past_.rbegin(), past_.rend(), is_from);
    if (past == past_.rend()) return std::nullopt;
    path.push_back(&past->delta);
    hash = past->to_hash;
  }
  return std::nullopt;
}

std::shared_ptr<const Entries> Feed::EntriesSince(const std::string& hash) {
  if (const auto it = entries_.find(hash); it != entries_.end()) return it->second;
  const std::optional<std::vector<const ViewDelta*>> path = PathFrom(hash);
  if (!path.has_value()) return nullptr;
  return entries_[hash] = EncodeEntries(JoinAll(*path));
}

std::shared_ptr<const Entries> Feed::AllEntries() {
  std::shared_ptr<const Entries> entries = all_entries_.lock();
  if (entries == nullptr) {
    entries = EncodeEntries(view_.Everything());
    all_entries_ = entries;
  }
  return entries;
}

}  // namespace sluice::fleet
