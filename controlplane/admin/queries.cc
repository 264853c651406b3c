#include "controlplane/admin/queries.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/diff.h"
#include "api/resource/private_keys.h"
#include "api/resource/problem.h"
#include "api/resource/selector.h"
#include "base/status_macros.h"
#include "controlplane/admin/keys.h"
#include "controlplane/admin/labels.h"
#include "controlplane/admin/plan.h"
#include "controlplane/admin/refusal.h"
#include "controlplane/admin/watch.h"

namespace sluice::admin {
namespace {

using resource::Key;
using resource::Kind;

// Of resources in one message: far below what a gRPC client takes by default.
constexpr size_t kPartBytes = size_t{256} << 10;

absl::Status Missing(const Key& key, uint64_t generation) {
  return Refusal(absl::StatusCode::kNotFound,
                 {{std::string(resource::KindName(key.kind)), key.name, "",
                   generation == 0 ? "does not exist"
                                   : absl::StrCat("was not there in generation ", generation),
                   "", "", 0}});
}

struct Reading {
  store::ResourceSet resources;
  uint64_t generation;
};

// 0 is the newest.
absl::StatusOr<Reading> ReadAt(store::Ledger& ledger, uint64_t generation) {
  if (generation == 0) {
    const auto state = ledger.state();
    return Reading{state->resources, state->head.generation.number};
  }
  ASSIGN_OR_RETURN(store::ResourceSet resources, ledger.ResourcesAt(generation));
  return Reading{std::move(resources), generation};
}

// A walk over a set that matches a selector, part by part.
class Listing {
 public:
  Listing(Reading reading, std::optional<Kind> kind, resource::Selector labels)
      : reading_(std::move(reading)),
        kind_(kind),
        labels_(std::move(labels)),
        next_(kind_.has_value() ? reading_.resources.LowerBound(Key{*kind_, "", ""})
                                : reading_.resources.begin()) {}

  // A part comes even if nothing matches: it says which generation was read.
  bool Next(v1::ListResponse& part) {
    if (is_done_) return false;
    part.Clear();
    part.set_generation(reading_.generation);
    for (size_t bytes = 0; bytes < kPartBytes; ++next_) {
      is_done_ = IsAtEnd();
      if (is_done_) break;
      const store::StoredResource& stored = **next_;
      if (!Matches(labels_, stored.bytes)) continue;
      // What is stored was serialised here and parses.
      v1::Resource& resource = *part.add_resources();
      if (resource.ParseFromString(stored.bytes)) bytes += stored.bytes.size();
      resource::HidePrivateKeys(resource);
    }
    return true;
  }

 private:
  bool IsAtEnd() const {
    return next_ == reading_.resources.end() || (kind_.has_value() && (*next_)->key.kind != *kind_);
  }

  const Reading reading_;
  const std::optional<Kind> kind_;
  const resource::Selector labels_;
  store::ResourceSet::Iterator next_;
  bool is_done_ = false;
};

std::optional<v1::Resource> ParseIfAny(const std::shared_ptr<const store::StoredResource>& stored) {
  if (stored == nullptr) return std::nullopt;
  absl::StatusOr<v1::Resource> parsed = Parse(*stored);
  return parsed.ok() ? std::make_optional(*std::move(parsed)) : v1::Resource();
}

}  // namespace

absl::StatusOr<Stream<v1::ListResponse>> List(store::Ledger& ledger,
                                              const v1::ListRequest& request) {
  std::optional<Kind> kind;
  if (!request.kind().empty()) {
    ASSIGN_OR_RETURN(kind, ReadKind(request.kind()));
  }
  ASSIGN_OR_RETURN(resource::Selector labels,
                   resource::Selector::Parse({request.labels().begin(), request.labels().end()}));
  ASSIGN_OR_RETURN(Reading reading, ReadAt(ledger, request.generation()));
  const auto listing = std::make_shared<Listing>(std::move(reading), kind, std::move(labels));
  return Stream<v1::ListResponse>(
      [listing](v1::ListResponse& part) { return listing->Next(part); });
}

absl::StatusOr<v1::GetResponse> Get(store::Ledger& ledger, const v1::GetRequest& request) {
  ASSIGN_OR_RETURN(const Key key, ReadKey(request.key()));
  ASSIGN_OR_RETURN(const Reading reading, ReadAt(ledger, request.generation()));
  const auto stored = reading.resources.Find(key);
  if (stored == nullptr) return Missing(key, request.generation());
  v1::GetResponse response;
  ASSIGN_OR_RETURN(*response.mutable_resource(), Parse(*stored));
  resource::HidePrivateKeys(*response.mutable_resource());
  response.set_generation(reading.generation);
  response.set_changed_in(stored->changed_in);
  return response;
}

absl::StatusOr<Stream<v1::Change>> Diff(store::Ledger& ledger, const v1::DiffRequest& request) {
  const uint64_t from = request.from();
  const uint64_t to = request.to() != 0 ? request.to() : ledger.state()->head.generation.number;
  auto changes = std::make_shared<std::vector<store::ResourceChange>>();
  if (from == 0) {
    // The empty store is known even where its history is no longer kept.
    ASSIGN_OR_RETURN(const Reading reading, ReadAt(ledger, to));
    for (const auto& stored : reading.resources) changes->push_back({nullptr, stored});
  } else {
    ASSIGN_OR_RETURN(store::ChangeSet set, ledger.Changes(std::min(from, to), std::max(from, to)));
    *changes = std::move(set.resources);
    if (from > to) {
      for (store::ResourceChange& change : *changes) std::swap(change.before, change.after);
    }
  }
  return Stream<v1::Change>([changes, next = size_t{0}](v1::Change& change) mutable {
    if (next == changes->size()) return false;
    const store::ResourceChange& stored = (*changes)[next++];
    const std::optional<v1::Resource> before = ParseIfAny(stored.before);
    const std::optional<v1::Resource> after = ParseIfAny(stored.after);
    change = ChangeOf(stored.key(), before ? &*before : nullptr, after ? &*after : nullptr, true);
    return true;
  });
}

absl::StatusOr<std::vector<v1::Commit>> History(store::Ledger& ledger,
                                                const v1::HistoryRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<store::CommitRecord> records,
                   ledger.History({request.limit(), 0, request.all()}));
  std::vector<v1::Commit> commits;
  for (const store::CommitRecord& record : records) commits.push_back(ToProto(record));
  return commits;
}

v1::Change ChangeOf(const Key& key, const v1::Resource* before, const v1::Resource* after,
                    bool with_content) {
  v1::Change change;
  *change.mutable_key() = resource::ToProto(key);
  if (before == nullptr) {
    change.set_action(v1::Change::CREATED);
  } else if (after == nullptr) {
    change.set_action(v1::Change::DELETED);
  } else {
    change.set_action(v1::Change::UPDATED);
    for (std::string& field : resource::ChangedFields(*before, *after)) {
      change.add_fields(std::move(field));
    }
  }
  if (with_content && before != nullptr) {
    *change.mutable_before() = *before;
    resource::HidePrivateKeys(*change.mutable_before());
  }
  if (with_content && after != nullptr) {
    *change.mutable_after() = *after;
    resource::HidePrivateKeys(*change.mutable_after());
  }
  return change;
}

}  // namespace sluice::admin
