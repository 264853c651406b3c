#include "controlplane/store/sqlite/change_log.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "base/status_macros.h"
#include "controlplane/store/sqlite/sealed_records.h"

namespace sluice::store {
namespace {

absl::Status LogResource(Database& db, uint64_t number, const ResourceChange& change) {
  const resource::Key& key = change.key();
  const absl::string_view kind = resource::KindName(key.kind);
  constexpr char kInsert[] = "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?)";
  if (change.before == nullptr) {
    Query row(db, kInsert, number, kind, key.ns, key.name, nullptr, 0, Blob{change.after->digest});
    return row.Run();
  }
  if (change.after == nullptr) {
    Query row(db, kInsert, number, kind, key.ns, key.name, Blob{change.before->digest},
              change.before->changed_in, nullptr);
    return row.Run();
  }
  Query row(db, kInsert, number, kind, key.ns, key.name, Blob{change.before->digest},
            change.before->changed_in, Blob{change.after->digest});
  return row.Run();
}

// One end of a change, as the table has it.
struct LoggedTraits {
  explicit LoggedTraits(const StoredEndpoint* endpoint) {
    if (endpoint == nullptr) return;
    weight = endpoint->traits.weight;
    others = resource::EncodeTraits(endpoint->traits);
  }

  std::optional<uint32_t> weight;
  std::string others;
};

absl::Status LogEndpoint(Database& db, uint64_t number, const EndpointChange& change) {
  const StoredEndpoint& any = change.any();
  const LoggedTraits before(change.before.get());
  const LoggedTraits after(change.after.get());
  Query row(db, "INSERT INTO endpoint_change VALUES (?, ?, ?, ?, ?, ?, ?, ?)", number, any.upstream,
            any.owner, any.address, before.weight, after.weight, Blob{before.others},
            Blob{after.others});
  return row.Run();
}

// Counts a commit more; how many there are of that origin, those of endpoints and of ticket keys
// together.
absl::StatusOr<uint64_t> CountCommit(Database& db, Origin origin) {
  Query row(db, origin == Origin::kConfiguration
                    ? "UPDATE head SET kept_configuration = kept_configuration + 1 "
                      "RETURNING kept_configuration"
                    : "UPDATE head SET kept_endpoints = kept_endpoints + 1 "
                      "RETURNING kept_endpoints");
  const uint64_t kept = row.Next() ? row.Uint(0) : 0;
  RETURN_IF_ERROR(row.Run());
  return kept;
}

// Forgets the resource changes up to generation `last`; `kept` commits stay.
absl::Status DropChanges(Database& db, uint64_t last, uint64_t kept) {
  struct Dropped {
    std::string kind, ns, name, digest;
  };
  std::vector<Dropped> dropped;
  {
    Query row(db,
              "SELECT kind, ns, name, before FROM change WHERE generation <= ? "
              "AND before IS NOT NULL",
              last);
    while (row.Next()) dropped.push_back({row.Text(0), row.Text(1), row.Text(2), row.Text(3)});
    RETURN_IF_ERROR(row.status());
  }
  Query changes(db, "DELETE FROM change WHERE generation <= ?", last);
  RETURN_IF_ERROR(changes.Run());
  for (const Dropped& d : dropped) {
    // Content that came back, by a rollback, is still held by what came after. A digest covers the
    // key, so only rows of this key can hold it.
    Query blob(db,
               "DELETE FROM blob WHERE digest = ?1 "
               "AND NOT EXISTS (SELECT 1 FROM change WHERE before = ?1) "
               "AND NOT EXISTS (SELECT 1 FROM resource "
               "                WHERE kind = ?2 AND ns = ?3 AND name = ?4 AND digest = ?1)",
               Blob{d.digest}, d.kind, d.ns, d.name);
    RETURN_IF_ERROR(blob.Run());
  }
  Query floor(db, "UPDATE head SET trimmed_configuration = ?, kept_configuration = ?", last, kept);
  return floor.Run();
}

absl::Status DropEndpointChanges(Database& db, uint64_t last, uint64_t kept) {
  Query changes(db, "DELETE FROM endpoint_change WHERE generation <= ?", last);
  RETURN_IF_ERROR(changes.Run());
  Query floor(db, "UPDATE head SET trimmed_endpoints = ?, kept_endpoints = ?", last, kept);
  return floor.Run();
}

// What became of one key over several generations.
struct NetChange {
  std::string before;  // Digest; empty: it did not exist.
  uint64_t before_changed_in = 0;
  std::string after;
  uint64_t after_changed_in = 0;
};

absl::StatusOr<std::shared_ptr<const StoredResource>> ReadBlob(Database& db,
                                                               const seal::Sealer& sealer,
                                                               const resource::Key& key,
                                                               std::string digest,
                                                               uint64_t changed_in) {
  if (digest.empty()) return nullptr;
  auto stored = std::make_shared<StoredResource>();
  Query row(db, "SELECT bytes FROM blob WHERE digest = ?", Blob{digest});
  const std::string sealed = row.Next() ? row.Text(0) : "";
  RETURN_IF_ERROR(row.status());
  stored->key = key;
  stored->digest = std::move(digest);
  stored->changed_in = changed_in;
  RETURN_IF_ERROR(OpenInto(sealer, sealed, *stored));
  return stored;
}

absl::StatusOr<std::vector<ResourceChange>> ReadResourceChanges(Database& db,
                                                                const seal::Sealer& sealer,
                                                                uint64_t from, uint64_t to) {
  std::map<resource::Key, NetChange> net;
  {
    Query row(db,
              "SELECT generation, kind, ns, name, before, before_changed_in, after FROM change "
              "WHERE generation > ? AND generation <= ? ORDER BY generation",
              from, to);
    while (row.Next()) {
      ASSIGN_OR_RETURN(resource::Key key, KeyFrom(row, 1));
      const auto [it, is_first] = net.try_emplace(std::move(key));
      if (is_first) {
        it->second.before = row.Text(4);
        it->second.before_changed_in = row.Uint(5);
      }
      it->second.after = row.Text(6);
      it->second.after_changed_in = row.Uint(0);
    }
    RETURN_IF_ERROR(row.status());
  }
  std::vector<ResourceChange> changes;
  for (auto& [key, change] : net) {
    if (change.before.empty() && change.after.empty()) continue;
    ResourceChange& out = changes.emplace_back();
    ASSIGN_OR_RETURN(out.before,
                     ReadBlob(db, sealer, key, std::move(change.before), change.before_changed_in));
    ASSIGN_OR_RETURN(out.after,
                     ReadBlob(db, sealer, key, std::move(change.after), change.after_changed_in));
  }
  return changes;
}

using EndpointName = std::tuple<std::string, std::string, std::string>;
using OptionalTraits = std::optional<resource::EndpointTraits>;

std::shared_ptr<const StoredEndpoint> EndpointOf(const EndpointName& name, OptionalTraits traits) {
  if (!traits.has_value()) return nullptr;
  const auto& [upstream, owner, address] = name;
  return std::make_shared<const StoredEndpoint>(
      StoredEndpoint{upstream, owner, address, *std::move(traits), absl::ZeroDuration()});
}

absl::StatusOr<OptionalTraits> OptionalTraitsFrom(const Query& row, int weight, int traits) {
  if (row.IsNull(weight)) return OptionalTraits();
  ASSIGN_OR_RETURN(resource::EndpointTraits read, TraitsFrom(row, weight, traits));
  return OptionalTraits(std::move(read));
}

absl::StatusOr<std::vector<EndpointChange>> ReadEndpointChanges(Database& db, uint64_t from,
                                                                uint64_t to) {
  struct Ends {
    OptionalTraits before, after;
  };
  std::map<EndpointName, Ends> net;
  Query row(db,
            "SELECT upstream, owner, address, before_weight, before_traits, after_weight, "
            "after_traits FROM endpoint_change "
            "WHERE generation > ? AND generation <= ? ORDER BY generation",
            from, to);
  while (row.Next()) {
    const auto [it, is_first] = net.try_emplace({row.Text(0), row.Text(1), row.Text(2)});
    if (is_first) {
      ASSIGN_OR_RETURN(it->second.before, OptionalTraitsFrom(row, 3, 4));
    }
    ASSIGN_OR_RETURN(it->second.after, OptionalTraitsFrom(row, 5, 6));
  }
  RETURN_IF_ERROR(row.status());
  std::vector<EndpointChange> changes;
  for (auto& [name, ends] : net) {
    if (ends.before == ends.after) continue;
    changes.push_back(
        {EndpointOf(name, std::move(ends.before)), EndpointOf(name, std::move(ends.after))});
  }
  return changes;
}

}  // namespace

absl::Status WriteLog(Database& db, const NewCommit& commit) {
  const CommitRecord& record = commit.record;
  const uint64_t number = record.generation.number;
  Query row(db, "INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", number,
            record.generation.epoch, absl::ToUnixNanos(record.time), record.meta.author,
            record.meta.from, record.meta.message, static_cast<int>(record.meta.origin),
            record.meta.rollback_of, record.created, record.updated, record.deleted);
  RETURN_IF_ERROR(row.Run());
  for (const ResourceChange& change : commit.resources) {
    RETURN_IF_ERROR(LogResource(db, number, change));
  }
  for (const EndpointChange& change : commit.endpoints) {
    RETURN_IF_ERROR(LogEndpoint(db, number, change));
  }
  return absl::OkStatus();
}

absl::Status TrimLog(Database& db, Origin origin, uint64_t keep) {
  keep = std::max<uint64_t>(keep, 1);
  ASSIGN_OR_RETURN(const uint64_t kept, CountCommit(db, origin));
  if (kept <= keep) return absl::OkStatus();
  const int is_configuration = origin == Origin::kConfiguration ? 1 : 0;
  uint64_t last = 0;
  {
    Query row(db,
              "SELECT number FROM commits WHERE (origin = 1) = ? ORDER BY number LIMIT 1 OFFSET ?",
              is_configuration, kept - keep - 1);
    if (row.Next()) last = row.Uint(0);
    RETURN_IF_ERROR(row.status());
  }
  Query commits(db, "DELETE FROM commits WHERE (origin = 1) = ? AND number <= ?", is_configuration,
                last);
  RETURN_IF_ERROR(commits.Run());
  return is_configuration == 1 ? DropChanges(db, last, keep) : DropEndpointChanges(db, last, keep);
}

absl::StatusOr<std::vector<CommitRecord>> ReadHistory(Database& db, const HistoryQuery& query) {
  std::vector<CommitRecord> records;
  const uint64_t limit =
      query.limit == 0 ? std::numeric_limits<int64_t>::max() : static_cast<uint64_t>(query.limit);
  Query row(db,
            "SELECT c.number, c.epoch, time_ns, author, caller, message, origin, rollback_of, "
            "created, updated, deleted, store_id FROM commits c, head "
            "WHERE c.number > ? AND (origin = ? OR ?) ORDER BY c.number DESC LIMIT ?",
            query.after, static_cast<int>(Origin::kConfiguration), query.endpoints ? 1 : 0, limit);
  while (row.Next()) {
    CommitRecord& record = records.emplace_back();
    record.generation = {row.Text(11), row.Uint(1), row.Uint(0)};
    record.time = absl::FromUnixNanos(row.Int(2));
    record.meta = {row.Text(3), row.Text(4), row.Text(5), static_cast<Origin>(row.Int(6)),
                   row.Uint(7)};
    record.created = static_cast<uint32_t>(row.Uint(8));
    record.updated = static_cast<uint32_t>(row.Uint(9));
    record.deleted = static_cast<uint32_t>(row.Uint(10));
  }
  RETURN_IF_ERROR(row.status());
  return records;
}

absl::StatusOr<ChangeSet> ReadChanges(Database& db, const seal::Sealer& sealer, uint64_t from,
                                      uint64_t to) {
  Query head(db, "SELECT number, trimmed_configuration, trimmed_endpoints FROM head");
  if (!head.Next()) return head.status().ok() ? absl::DataLossError("no head") : head.status();
  if (to > head.Uint(0) || from > to) {
    return absl::NotFoundError(absl::StrCat("generation ", std::max(from, to),
                                            " does not exist: the newest is ", head.Uint(0)));
  }
  if (from < head.Uint(1)) {
    return absl::NotFoundError(
        absl::StrCat("generation ", from, " is no longer kept: the oldest is ", head.Uint(1)));
  }
  ChangeSet changes;
  ASSIGN_OR_RETURN(changes.resources, ReadResourceChanges(db, sealer, from, to));
  if (from >= head.Uint(2)) {
    ASSIGN_OR_RETURN(changes.endpoints, ReadEndpointChanges(db, from, to));
  }
  return changes;
}

absl::StatusOr<resource::Key> KeyFrom(const Query& row, int first_column) {
  const std::string kind = row.Text(first_column);
  resource::Key key{resource::KindOfName(kind), row.Text(first_column + 1),
                    row.Text(first_column + 2)};
  if (key.kind != resource::Kind::kNone) return key;
  return absl::FailedPreconditionError(
      absl::StrCat(kind, " \"", key.name, "\": of a kind that this build does not know: a newer ",
                   "one has written it"));
}

absl::StatusOr<resource::EndpointTraits> TraitsFrom(const Query& row, int weight, int traits) {
  resource::EndpointTraits read;
  read.weight = static_cast<uint32_t>(row.Uint(weight));
  if (resource::DecodeTraits(row.Text(traits), read)) return read;
  return absl::DataLossError("a registered endpoint: its traits are none");
}

absl::Status OpenInto(const seal::Sealer& sealer, absl::string_view sealed,
                      StoredResource& resource) {
  absl::StatusOr<std::string> bytes = OpenResource(sealer, resource.digest, sealed);
  if (!bytes.ok()) {
    return absl::Status(bytes.status().code(),
                        absl::StrCat(resource.key.ToString(), ": ", bytes.status().message()));
  }
  resource.bytes = *std::move(bytes);
  if (resource::Digest(resource.key, resource.bytes) == resource.digest) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(resource.key.ToString(), ": the stored bytes are not those that were written"));
}

}  // namespace sluice::store
