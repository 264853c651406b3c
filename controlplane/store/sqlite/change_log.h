// The history in the database: writing a commit's changes, trimming, and reading back.
// Every function runs within the caller's transaction.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/resource/endpoint_traits.h"
#include "controlplane/seal/sealer.h"
#include "controlplane/store/sqlite/database.h"
#include "controlplane/store/store.h"

namespace sluice::store {

[[nodiscard]] absl::Status WriteLog(Database& db, const NewCommit& commit);

// After each commit of `origin`: drops the oldest beyond the newest `keep` (at least one), with the
// blobs that only they held.
[[nodiscard]] absl::Status TrimLog(Database& db, Origin origin, uint64_t keep);

absl::StatusOr<std::vector<CommitRecord>> ReadHistory(Database& db, const HistoryQuery& query);

// As Store::Changes.
absl::StatusOr<ChangeSet> ReadChanges(Database& db, const seal::Sealer& sealer, uint64_t from,
                                      uint64_t to);

// Kind, namespace and name in three columns of a row.
//   FAILED_PRECONDITION  a kind that this build does not know: a newer one has written it
absl::StatusOr<resource::Key> KeyFrom(const Query& row, int first_column);

// Of a registered endpoint, in two columns: its weight, and what resource::EncodeTraits() gave.
//   DATA_LOSS  it did not give that
absl::StatusOr<resource::EndpointTraits> TraitsFrom(const Query& row, int weight, int traits);

// Opens the bytes of `resource`, whose key and digest are set.
//   DATA_LOSS  they are not those of the digest
[[nodiscard]] absl::Status OpenInto(const seal::Sealer& sealer, absl::string_view sealed,
                                    StoredResource& resource);

}  // namespace sluice::store
