// What Admin reads: present and past resources, what differs between them, the history.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "api/resource/key.h"
#include "controlplane/store/ledger.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::admin {

// Gives the messages of a stream one by one; false, with `next` untouched, after the last. May be
// called on another thread than it was made on; keeps what it reads from, not the ledger.
template <typename Message>
using Stream = std::function<bool(Message& next)>;

// The present or past resources that match, by key.
//   INVALID_ARGUMENT  no such kind, or a label that cannot be read
//   NOT_FOUND         the generation does not exist or is no longer kept
absl::StatusOr<Stream<v1::ListResponse>> List(store::Ledger& ledger,
                                              const v1::ListRequest& request);

//   NOT_FOUND  the resource, or the generation
absl::StatusOr<v1::GetResponse> Get(store::Ledger& ledger, const v1::GetRequest& request);

// By key, with both sides. `from` may be later than `to`.
//   NOT_FOUND  one of the generations does not exist or is no longer kept
absl::StatusOr<Stream<v1::Change>> Diff(store::Ledger& ledger, const v1::DiffRequest& request);

// Newest first.
absl::StatusOr<std::vector<v1::Commit>> History(store::Ledger& ledger,
                                                const v1::HistoryRequest& request);

// Both sides as they are stored; null: it was not there. `with_content` fills `before` and `after`.
v1::Change ChangeOf(const resource::Key& key, const v1::Resource* before, const v1::Resource* after,
                    bool with_content);

}  // namespace sluice::admin
