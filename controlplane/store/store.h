// What the control plane keeps: the values, and the interface of what keeps them.
//
// A store holds desired resources, registered endpoints, and the log of the commits that made them.
// The only one who talks to a Store is the Ledger (ledger.h), which has all of it in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/resource/endpoint_traits.h"
#include "api/resource/key.h"

namespace sluice::store {

// Names one commit of one store.
struct GenerationId {
  std::string store_id;  // 16 random bytes, made with the store.
  uint64_t epoch = 1;    // Raised when the store turns out to be restored from a backup.
  uint64_t number = 0;   // Of the commit; 0 is the empty store.

  bool operator==(const GenerationId&) const = default;
  // Of two of one store, the later.
  bool IsAfter(const GenerationId& other) const {
    return std::tie(epoch, number) > std::tie(other.epoch, other.number);
  }
};

// A resource as it is stored: immutable and shared. `bytes` is the serialised v1::Resource that
// `digest` is of; nobody serialises it again.
struct StoredResource {
  resource::Key key;
  std::string bytes;
  std::string digest;       // resource::Digest(key, bytes).
  uint64_t changed_in = 0;  // Number of the commit that wrote it.

  const resource::Key& order() const { return key; }
};

// An endpoint that an orchestrator registered: immutable and shared.
struct StoredEndpoint {
  std::string upstream;
  std::string owner;
  std::string address;
  resource::EndpointTraits traits;
  // Of its lease when it was committed: what a control plane that starts grants it. Not in history.
  absl::Duration ttl;

  auto order() const { return std::tie(upstream, owner, address); }
};

// The secrets of TLS session tickets, all of them: immutable and shared. Opaque to the store.
struct StoredTickets {
  std::string bytes;
  uint64_t changed_in = 0;  // Number of the commit that wrote them. What was before is forgotten.
};

// No `before`: created. No `after`: deleted. Never neither.
struct ResourceChange {
  std::shared_ptr<const StoredResource> before;
  std::shared_ptr<const StoredResource> after;

  const resource::Key& key() const { return after != nullptr ? after->key : before->key; }
};

struct EndpointChange {
  std::shared_ptr<const StoredEndpoint> before;
  std::shared_ptr<const StoredEndpoint> after;

  const StoredEndpoint& any() const { return after != nullptr ? *after : *before; }
};

// What it changed: resources, registered endpoints, or ticket keys.
enum class Origin { kConfiguration = 1, kEndpoints = 2, kTicketKeys = 3 };

// Who committed, from where and why.
struct CommitMeta {
  std::string author;
  std::string from;  // Address of the caller.
  std::string message;
  Origin origin = Origin::kConfiguration;
  uint64_t rollback_of = 0;  // The generation whose content it took; 0: not a rollback.
};

// One line of the history.
struct CommitRecord {
  GenerationId generation;
  absl::Time time;
  CommitMeta meta;
  uint32_t created = 0;
  uint32_t updated = 0;
  uint32_t deleted = 0;
};

// Where a store stands.
struct Head {
  GenerationId generation;
  // Number of the newest commit that changed resources: what optimistic locking compares, so that
  // registering endpoints disturbs nobody's edit.
  uint64_t configuration = 0;

  bool operator==(const Head&) const = default;
};

// All that a store holds at its head, each in its order.
struct Content {
  Head head;
  std::vector<std::shared_ptr<const StoredResource>> resources;
  std::vector<std::shared_ptr<const StoredEndpoint>> endpoints;
  std::shared_ptr<const StoredTickets> tickets;  // Null: none.
};

// A commit to be written. Its number is one above the head's, its epoch the head's.
struct NewCommit {
  CommitRecord record;
  std::vector<ResourceChange> resources;
  std::vector<EndpointChange> endpoints;
  std::shared_ptr<const StoredTickets> tickets;  // Null: they stay as they are.
};

// What happened between two generations, but to ticket keys: one entry, by key, for each that was
// touched and is there at one end at least, with the values of the two ends. They may be equal: it
// was changed back.
struct ChangeSet {
  std::vector<ResourceChange> resources;
  // Unset if the endpoint commits of that span are no longer kept.
  std::optional<std::vector<EndpointChange>> endpoints;
};

struct HistoryQuery {
  size_t limit = 0;        // 0: all that are kept.
  uint64_t after = 0;      // Only commits with a higher number.
  bool endpoints = false;  // Those of all other origins than kConfiguration too.
};

// What is remembered of one proxy: of no generation and in no history. Opaque to the store.
struct ProxyNote {
  std::string node;
  std::string bytes;  // Empty: nothing is remembered.
};

// Keeps content and history; every back end passes testing/store_contract.h.
//
// It validates nothing and knows no kinds. Commits come from one writer at a time; the history is
// read at any time, also while a commit is being written.
//
// Thread: any. Every method may block on a disk or a network.
// Errors of every method: UNAVAILABLE, the medium cannot be read or written now, try again;
//   RESOURCE_EXHAUSTED, it is full; DATA_LOSS, what is stored is damaged.
// After an error of Commit or RaiseEpoch the old state stands for as long as this process lives.
//   After a crash in the midst of one, it is the old state or the new one.
class Store {
 public:
  virtual ~Store() = default;

  virtual absl::StatusOr<Content> Load() = 0;

  // Writes blobs and the log record, then moves the head; durable when it returns OK. Trims the
  // history to what the back end was told to keep.
  //   ABORTED  the head is not `expected`: somebody else has committed
  [[nodiscard]] virtual absl::Status Commit(const Head& expected, const NewCommit& commit) = 0;

  // Sets a higher epoch and keeps everything else.
  //   ABORTED  the head is not `expected`
  [[nodiscard]] virtual absl::Status RaiseEpoch(const Head& expected, uint64_t epoch) = 0;

  // By node; those that are not empty.
  virtual absl::StatusOr<std::vector<ProxyNote>> ProxyNotes() = 0;

  // Replaces the notes of these nodes, each named once: all or none; durable when it returns OK.
  // Moves no head, and so disturbs no commit.
  [[nodiscard]] virtual absl::Status WriteProxyNotes(const std::vector<ProxyNote>& notes) = 0;

  // Newest first.
  virtual absl::StatusOr<std::vector<CommitRecord>> History(const HistoryQuery& query) = 0;

  // From the content of generation `from` to that of `to`; from <= to. Costs what changed between.
  //   NOT_FOUND  one of them does not exist or is no longer kept
  virtual absl::StatusOr<ChangeSet> Changes(uint64_t from, uint64_t to) = 0;
};

}  // namespace sluice::store
