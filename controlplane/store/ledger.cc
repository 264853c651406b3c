// Writers take turns on writer_mu_: each builds the next state from the present one, writes the
// commit to the store, and only then lets others see the state. So what is visible is durable.
#include "controlplane/store/ledger.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "base/status_macros.h"

namespace sluice::store {
namespace {

void Count(bool before, bool after, CommitRecord& record) {
  if (!before) {
    ++record.created;
  } else if (!after) {
    ++record.deleted;
  } else {
    ++record.updated;
  }
}

CommitRecord RecordOf(const NewCommit& commit, CommitMeta meta, GenerationId generation,
                      absl::Time time) {
  CommitRecord record{std::move(generation), time, std::move(meta)};
  for (const ResourceChange& change : commit.resources) {
    Count(change.before != nullptr, change.after != nullptr, record);
  }
  for (const EndpointChange& change : commit.endpoints) {
    Count(change.before != nullptr, change.after != nullptr, record);
  }
  if (commit.tickets != nullptr) ++record.updated;
  return record;
}

// What `write` does to `state`; nothing if it changes nothing.
std::optional<ResourceChange> ChangeOf(const State& state, ResourceWrite write, uint64_t number) {
  ResourceChange change;
  change.before = state.resources.Find(write.key);
  if (!write.bytes.has_value()) {
    if (change.before == nullptr) return std::nullopt;
    return change;
  }
  if (change.before != nullptr && change.before->bytes == *write.bytes) return std::nullopt;
  std::string digest = resource::Digest(write.key, *write.bytes);
  change.after = std::make_shared<const StoredResource>(
      StoredResource{std::move(write.key), *std::move(write.bytes), std::move(digest), number});
  return change;
}

// `registration` applied to `endpoints`; adds what it may have changed to `touched`.
EndpointSet Apply(const Registration& registration, EndpointSet endpoints,
                  std::vector<std::shared_ptr<const StoredEndpoint>>& touched) {
  const std::string& upstream = registration.upstream;
  const std::string& owner = registration.owner;
  std::set<absl::string_view> kept;
  for (const Registration::Endpoint& endpoint : registration.upsert) {
    kept.insert(endpoint.address);
    const auto before = endpoints.Find(EndpointOrder(upstream, owner, endpoint.address));
    if (before != nullptr && before->traits == endpoint.traits) continue;
    touched.push_back(std::make_shared<const StoredEndpoint>(
        StoredEndpoint{upstream, owner, endpoint.address, endpoint.traits, registration.ttl}));
    endpoints = endpoints.With(touched.back());
  }
  std::vector<std::shared_ptr<const StoredEndpoint>> gone;
  for (const std::string& address : registration.withdraw) {
    const auto before = endpoints.Find(EndpointOrder(upstream, owner, address));
    if (before != nullptr && kept.count(address) == 0) gone.push_back(before);
  }
  if (registration.replace_all) {
    for (auto it = endpoints.LowerBound(EndpointOrder(upstream, owner)); it != endpoints.end();
         ++it) {
      const StoredEndpoint& endpoint = **it;
      if (endpoint.upstream != upstream || endpoint.owner != owner) break;
      if (kept.count(endpoint.address) == 0) gone.push_back(*it);
    }
  }
  for (const auto& endpoint : gone) {
    endpoints = endpoints.Without(endpoint->order());
    touched.push_back(endpoint);
  }
  return endpoints;
}

bool HasAny(const EndpointSet& endpoints, absl::string_view upstream, absl::string_view owner) {
  const auto it = endpoints.LowerBound(EndpointOrder(upstream, owner));
  return it != endpoints.end() && (*it)->upstream == upstream && (*it)->owner == owner;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(Store& store, const Clock& clock) {
  ASSIGN_OR_RETURN(const Content content, store.Load());
  return std::unique_ptr<Ledger>(new Ledger(store, clock, content));
}

Ledger::Ledger(Store& store, const Clock& clock, const Content& content)
    : store_(store), clock_(clock), leases_(clock) {
  auto state = std::make_shared<State>();
  state->head = content.head;
  state->tickets = content.tickets;
  for (const auto& resource : content.resources) {
    state->resources = state->resources.With(resource);
  }
  std::map<Leases::Name, absl::Duration> ttls;
  for (const auto& endpoint : content.endpoints) {
    state->endpoints = state->endpoints.With(endpoint);
    // Endpoints of one lease may carry different ones, if it was changed: the longest is safe.
    absl::Duration& ttl = ttls[{endpoint->upstream, endpoint->owner}];
    ttl = std::max(ttl, endpoint->ttl);
  }
  for (const auto& [name, ttl] : ttls) leases_.Grant(name.first, name.second, ttl);
  state_ = std::move(state);
}

std::shared_ptr<const State> Ledger::state() const {
  MutexLock lock(publish_mu_);
  return state_;
}

absl::StatusOr<std::shared_ptr<const State>> Ledger::Commit(std::vector<ResourceWrite> writes,
                                                            CommitMeta meta,
                                                            uint64_t expected_configuration) {
  std::sort(writes.begin(), writes.end(),
            [](const ResourceWrite& a, const ResourceWrite& b) { return a.key < b.key; });
  for (size_t i = 1; i < writes.size(); ++i) {
    if (writes[i].key == writes[i - 1].key) {
      return absl::InvalidArgumentError(absl::StrCat(writes[i].key.ToString(), ": comes twice"));
    }
  }
  MutexLock lock(writer_mu_);
  const std::shared_ptr<const State> present = state();
  if (present->head.configuration != expected_configuration) {
    return absl::AbortedError(absl::StrCat("resources have changed since generation ",
                                           expected_configuration, ": the newest is ",
                                           present->head.configuration));
  }
  State next = *present;
  NewCommit commit;
  for (ResourceWrite& write : writes) {
    std::optional<ResourceChange> change =
        ChangeOf(*present, std::move(write), present->head.generation.number + 1);
    if (!change.has_value()) continue;
    next.resources = change->after != nullptr ? next.resources.With(change->after)
                                              : next.resources.Without(change->before->key);
    commit.resources.push_back(*std::move(change));
  }
  if (commit.resources.empty()) return present;
  meta.origin = Origin::kConfiguration;
  return Append(std::move(meta), std::move(commit), std::move(next));
}

absl::StatusOr<std::shared_ptr<const State>> Ledger::Append(CommitMeta meta, NewCommit commit,
                                                            State next) {
  const Head before = next.head;
  ++next.head.generation.number;
  if (!commit.resources.empty()) next.head.configuration = next.head.generation.number;
  commit.record = RecordOf(commit, std::move(meta), next.head.generation, clock_.Now());
  RETURN_IF_ERROR(store_.Commit(before, commit));
  auto event = std::make_shared<CommitEvent>();
  event->record = std::move(commit.record);
  event->resources = std::move(commit.resources);
  event->endpoints = std::move(commit.endpoints);
  event->changes_tickets = commit.tickets != nullptr;
  event->state = std::make_shared<const State>(std::move(next));
  Publish(event);
  return event->state;
}

void Ledger::Publish(std::shared_ptr<const CommitEvent> event) {
  std::shared_ptr<const State> dropped;  // Freed after the mutex: it may be large.
  MutexLock lock(publish_mu_);
  dropped = std::move(state_);
  state_ = event->state;
  feed_.Publish(std::move(event));
}

absl::StatusOr<GenerationId> Ledger::Register(const std::vector<Registration>& registrations,
                                              CommitMeta meta) {
  // Before waiting for other writers: a lease must not end because the disk is slow.
  for (const Registration& r : registrations) Renew(r.upstream, r.owner, r.ttl);
  MutexLock lock(writer_mu_);
  std::vector<std::shared_ptr<const StoredEndpoint>> touched;
  EndpointSet next = state()->endpoints;
  for (const Registration& r : registrations) next = Apply(r, std::move(next), touched);
  ASSIGN_OR_RETURN(GenerationId generation, CommitEndpoints(touched, next, std::move(meta)));
  for (const Registration& r : registrations) {
    if (HasAny(next, r.upstream, r.owner)) {
      leases_.Grant(r.upstream, r.owner, r.ttl);
    } else {
      leases_.End(r.upstream, r.owner);
    }
  }
  return generation;
}

absl::StatusOr<GenerationId> Ledger::CommitEndpoints(
    const std::vector<std::shared_ptr<const StoredEndpoint>>& touched, EndpointSet next,
    CommitMeta meta) {
  const std::shared_ptr<const State> present = state();
  // One entry for each endpoint, from what was to what is, however often it was touched.
  EndpointSet keys;
  for (const auto& endpoint : touched) keys = keys.With(endpoint);
  NewCommit commit;
  for (const auto& key : keys) {
    EndpointChange change{present->endpoints.Find(key->order()), next.Find(key->order())};
    const bool differs = change.before == nullptr || change.after == nullptr
                             ? change.before != change.after
                             : change.before->traits != change.after->traits;
    if (differs) commit.endpoints.push_back(std::move(change));
  }
  if (commit.endpoints.empty()) return present->head.generation;
  State state = *present;
  state.endpoints = std::move(next);
  meta.origin = Origin::kEndpoints;
  ASSIGN_OR_RETURN(const std::shared_ptr<const State> committed,
                   Append(std::move(meta), std::move(commit), std::move(state)));
  return committed->head.generation;
}

absl::StatusOr<GenerationId> Ledger::SetTicketKeys(std::string bytes, CommitMeta meta) {
  MutexLock lock(writer_mu_);
  State next = *state();
  NewCommit commit;
  commit.tickets = std::make_shared<const StoredTickets>(
      StoredTickets{std::move(bytes), next.head.generation.number + 1});
  next.tickets = commit.tickets;
  meta.origin = Origin::kTicketKeys;
  ASSIGN_OR_RETURN(const std::shared_ptr<const State> committed,
                   Append(std::move(meta), std::move(commit), std::move(next)));
  return committed->head.generation;
}

bool Ledger::Renew(absl::string_view upstream, absl::string_view owner, absl::Duration ttl) {
  return leases_.Renew(upstream, owner, ttl);
}

std::optional<absl::Time> Ledger::LeaseEnd(absl::string_view upstream,
                                           absl::string_view owner) const {
  return leases_.EndOf(upstream, owner);
}

absl::StatusOr<GenerationId> Ledger::ExpireLeases() {
  if (!leases_.AnyEnded()) return state()->head.generation;
  MutexLock lock(writer_mu_);
  const std::vector<Leases::Name> ended = leases_.TakeEnded();
  std::vector<std::shared_ptr<const StoredEndpoint>> touched;
  EndpointSet next = state()->endpoints;
  for (const auto& [upstream, owner] : ended) {
    Registration nothing;
    nothing.upstream = upstream;
    nothing.owner = owner;
    nothing.replace_all = true;
    next = Apply(nothing, std::move(next), touched);
  }
  CommitMeta meta;
  meta.author = "sluice";
  meta.message = "leases ended";
  absl::StatusOr<GenerationId> generation =
      CommitEndpoints(touched, std::move(next), std::move(meta));
  if (!generation.ok()) leases_.PutBack(ended);
  return generation;
}

absl::StatusOr<GenerationId> Ledger::RaiseEpoch(uint64_t epoch) {
  MutexLock lock(writer_mu_);
  const std::shared_ptr<const State> present = state();
  if (present->head.generation.epoch >= epoch) return present->head.generation;
  RETURN_IF_ERROR(store_.RaiseEpoch(present->head, epoch));
  State next = *present;
  next.head.generation.epoch = epoch;
  auto event = std::make_shared<CommitEvent>();
  event->record.generation = next.head.generation;
  event->record.time = clock_.Now();
  event->state = std::make_shared<const State>(std::move(next));
  Publish(event);
  return event->state->head.generation;
}

absl::StatusOr<ResourceSet> Ledger::ResourcesAt(uint64_t generation) {
  if (generation == 0) return ResourceSet();
  const std::shared_ptr<const State> present = state();
  if (generation == present->head.generation.number) return present->resources;
  ASSIGN_OR_RETURN(
      const ChangeSet changes,
      store_.Changes(generation, std::max(generation, present->head.generation.number)));
  ResourceSet resources = present->resources;
  for (const ResourceChange& change : changes.resources) {
    resources = change.before != nullptr ? resources.With(change.before)
                                         : resources.Without(change.after->key);
  }
  return resources;
}

absl::StatusOr<std::vector<ProxyNote>> Ledger::ProxyNotes() { return store_.ProxyNotes(); }

absl::Status Ledger::WriteProxyNotes(const std::vector<ProxyNote>& notes) {
  return store_.WriteProxyNotes(notes);
}

absl::StatusOr<std::vector<CommitRecord>> Ledger::History(const HistoryQuery& query) {
  return store_.History(query);
}

absl::StatusOr<ChangeSet> Ledger::Changes(uint64_t from, uint64_t to) {
  ASSIGN_OR_RETURN(ChangeSet changes, store_.Changes(from, to));
  const auto is_back = [](const ResourceChange& change) {
    return change.before != nullptr && change.after != nullptr &&
           change.before->digest == change.after->digest;
  };
  changes.resources.erase(
      std::remove_if(changes.resources.begin(), changes.resources.end(), is_back),
      changes.resources.end());
  return changes;
}

std::unique_ptr<Ledger::Subscription> Ledger::Subscribe(CommitFeed::OnCommit on_commit) {
  auto start = std::make_shared<CommitEvent>();
  start->is_start = true;
  start->record.time = clock_.Now();
  MutexLock lock(publish_mu_);
  start->state = state_;
  start->record.generation = state_->head.generation;
  return feed_.Add(std::move(on_commit), std::move(start));
}

}  // namespace sluice::store
