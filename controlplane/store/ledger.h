// The desired state in memory, and the only way to change it.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<Ledger> ledger, Ledger::Open(store, clock));
//   std::shared_ptr<const State> state = ledger->state();
//   std::unique_ptr<Ledger::Subscription> handle =
//       ledger->Subscribe([](const std::shared_ptr<const CommitEvent>& event) { ... });
//
// It judges nothing: admin/ validates resources before it commits them, the Endpoints service what
// it registers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "controlplane/store/commit_feed.h"
#include "controlplane/store/leases.h"
#include "controlplane/store/state.h"
#include "controlplane/store/store.h"

namespace sluice::store {

struct ResourceWrite {
  resource::Key key;
  // The serialised v1::Resource; unset deletes.
  std::optional<std::string> bytes;
};

// What one message of the Endpoints service asks for.
struct Registration {
  struct Endpoint {
    std::string address;
    resource::EndpointTraits traits;
  };

  std::string upstream;
  std::string owner;
  absl::Duration ttl;
  std::vector<Endpoint> upsert;
  std::vector<std::string> withdraw;  // Addresses; of one that is in `upsert` too, this is ignored.
  // `upsert` is all that this owner has for this upstream.
  bool replace_all = false;
};

// Thread: any, for every method. What writes (Commit, Register, SetTicketKeys, ExpireLeases,
//   RaiseEpoch, WriteProxyNotes) waits for the disk and for other writers, what reads the past
//   (ResourcesAt, History, Changes, ProxyNotes) for the disk: neither belongs on an event loop.
//   state(), Renew(), LeaseEnd() and Subscribe() never wait.
// Lifetime: `store` and `clock` outlive the ledger, the ledger its subscriptions.
class Ledger {
 public:
  // Reads all that the store holds; every lease gets one full time-to-live.
  // Errors: as Store::Load.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(Store& store, const Clock& clock);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // The newest generation, in constant time.
  std::shared_ptr<const State> state() const;

  // Makes the next generation of all `writes`, or of none; durable when it returns. Returns the new
  // state, or the present one if nothing would differ, which makes no generation. No key may come
  // twice.
  //   ABORTED  resources have changed since `expected_configuration` (Head::configuration): read
  //            state() again and decide anew
  //   others   as Store::Commit; nothing has changed
  absl::StatusOr<std::shared_ptr<const State>> Commit(std::vector<ResourceWrite> writes,
                                                      CommitMeta meta,
                                                      uint64_t expected_configuration);

  // Renews the leases of all `registrations`, then makes one generation of what they change, or
  // none if they change nothing. Sets the origin in `meta`.
  // Errors: as Store::Commit; the leases are renewed all the same.
  absl::StatusOr<GenerationId> Register(const std::vector<Registration>& registrations,
                                        CommitMeta meta);

  // Replaces the ticket keys, in one generation.
  // Errors: as Store::Commit.
  absl::StatusOr<GenerationId> SetTicketKeys(std::string bytes, CommitMeta meta);

  // Renews one lease in memory. A new `ttl` is persisted when endpoints of the lease next change.
  // False if there is no such lease: it was never given, or it has ended.
  bool Renew(absl::string_view upstream, absl::string_view owner, absl::Duration ttl);

  // Unset if there is no such lease.
  std::optional<absl::Time> LeaseEnd(absl::string_view upstream, absl::string_view owner) const;

  // Withdraws the endpoints of every lease that has ended, in one generation. For a timer, about
  // once a second: it costs next to nothing while none has ended. Leases whose withdrawal could not
  // be committed are tried again by the next call.
  absl::StatusOr<GenerationId> ExpireLeases();

  // Makes the epoch at least `epoch`: what is to be done (with the proxy's epoch + 1) when a proxy
  // holds a later generation of this store than the store does. Subscribers get an event without
  // changes. Does nothing if the epoch is as high already.
  absl::StatusOr<GenerationId> RaiseEpoch(uint64_t epoch);

  // Resources as they were at a generation; at 0 none.
  //   NOT_FOUND  it does not exist or is no longer kept
  absl::StatusOr<ResourceSet> ResourcesAt(uint64_t generation);

  // As Store::ProxyNotes and Store::WriteProxyNotes.
  absl::StatusOr<std::vector<ProxyNote>> ProxyNotes();
  [[nodiscard]] absl::Status WriteProxyNotes(const std::vector<ProxyNote>& notes);

  // As Store::History.
  absl::StatusOr<std::vector<CommitRecord>> History(const HistoryQuery& query);

  // As Store::Changes, without resources that were changed back.
  absl::StatusOr<ChangeSet> Changes(uint64_t from, uint64_t to);

  // Calls back with the present state first (`is_start`), then with every later commit, in order
  // and without gaps, shortly after the commit, which does not wait for it: a caller of Commit()
  // may know of a generation before the subscribers do. Runs on the ledger's own thread with no
  // lock held; it delays other subscribers, so hand over and return.
  using Subscription = CommitFeed::Subscription;
  [[nodiscard]] std::unique_ptr<Subscription> Subscribe(CommitFeed::OnCommit on_commit);

 private:
  Ledger(Store& store, const Clock& clock, const Content& content);

  // Commits what differs between `next` and the present state. Sets the head of `next`.
  absl::StatusOr<std::shared_ptr<const State>> Append(CommitMeta meta, NewCommit commit, State next)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  // `touched`: what may differ, by order.
  absl::StatusOr<GenerationId> CommitEndpoints(
      const std::vector<std::shared_ptr<const StoredEndpoint>>& touched, EndpointSet next,
      CommitMeta meta) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  void Publish(std::shared_ptr<const CommitEvent> event);

  Store& store_;
  const Clock& clock_;
  Leases leases_;

  // Held by who writes, over the disk access. Taken before publish_mu_.
  Mutex writer_mu_;

  // Makes a new state and its event one step for Subscribe(). Never held over anything slow.
  mutable Mutex publish_mu_;
  std::shared_ptr<const State> state_ ABSL_GUARDED_BY(publish_mu_);

  CommitFeed feed_;
};

}  // namespace sluice::store
