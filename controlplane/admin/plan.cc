#include "controlplane/admin/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api/resource/credentials.h"
#include "api/resource/digest.h"
#include "api/resource/private_keys.h"
#include "api/resource/rules.h"
#include "api/resource/stored_form.h"
#include "api/resource/walk.h"
#include "api/validate/resource.h"
#include "base/status_macros.h"
#include "controlplane/admin/keys.h"
#include "controlplane/admin/labels.h"
#include "controlplane/admin/refusal.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace sluice::admin {
namespace {

using resource::Key;
using resource::Problem;

resource::Location LocationOf(const v1::ApplyItem& item) {
  resource::Location location;
  location.file = item.file();
  location.line = item.line();
  for (const auto& [field, line] : item.field_lines())
    location.field_lines.push_back({field, line});
  return location;
}

Problem ProblemOf(const Key& key, const resource::Location& location, std::string field,
                  std::string problem, std::string want) {
  const uint32_t line = location.LineOf(field);
  return Problem{std::string(resource::KindName(key.kind)),
                 key.name,
                 std::move(field),
                 std::move(problem),
                 std::move(want),
                 location.file,
                 line};
}

// Secrets that stand as hashes, by the field in which they stand.
std::vector<std::pair<std::string, std::string>> HashesIn(const v1::Resource& resource) {
  using google::protobuf::FieldDescriptor;
  using google::protobuf::Message;
  static const resource::FieldFinder& finder = *new resource::FieldFinder(&resource::IsSecret);
  std::vector<std::pair<std::string, std::string>> hashes;
  const auto add = [&](std::string path, const std::string& text) {
    if (!resource::IsHashedCredential(text)) return;
    hashes.emplace_back(std::move(path), absl::AsciiStrToLower(text));
  };
  finder.Walk(
      resource, [&](const Message& message, const FieldDescriptor& field, const std::string& path) {
        const google::protobuf::Reflection& reflection = *message.GetReflection();
        if (!field.is_repeated()) {
          add(path, reflection.GetString(message, &field));
          return;
        }
        for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
          add(absl::StrCat(path, "[", i, "]"), reflection.GetRepeatedString(message, &field, i));
        }
      });
  return hashes;
}

// Adds what is wrong with a resource that is to replace `before`.
void CheckItself(const v1::Resource& resource, const store::StoredResource* before,
                 const resource::Location& location, Plan& plan) {
  std::vector<Problem> problems;
  const absl::StatusOr<v1::Resource> old =
      before != nullptr ? Parse(*before) : absl::NotFoundError("");
  if (old.ok()) {
    validate::CheckChange(*old, resource, problems);
  } else {
    validate::CheckResource(resource, problems);
  }
  for (Problem& problem : problems) {
    problem.file = location.file;
    problem.line = location.LineOf(problem.field);
    if (problem.is_warning) {
      plan.warnings.push_back(std::move(problem));
    } else {
      plan.objections.AddInvalid(std::move(problem));
    }
  }
}

// The label of `prune`.
struct Ownership {
  std::string key;
  std::string value;

  std::string ToString() const { return absl::StrCat(key, "=", value); }
};

// Collects the plan of one Apply.
class ApplyPlanner {
 public:
  ApplyPlanner(const store::State& state, const v1::ApplyRequest::Options& options)
      : state_(state), options_(options) {}

  Plan Make(std::vector<v1::ApplyItem> items) {
    ReadOwnership();
    if (owner_.has_value() && items.empty() && !options_.allow_empty()) {
      AddInvalid("prune",
                 absl::StrCat("the call has no resources: it would delete every one of ",
                              owner_->ToString()),
                 "allow_empty (--allow-empty), if that is meant");
    }
    for (v1::ApplyItem& item : items) AddItem(item);
    for (const v1::ResourceKey& key : options_.deletions()) AddDeletion(key);
    if (owner_.has_value()) AddPruned();
    for (auto& [key, change] : changes_) plan_.changes.push_back(std::move(change));
    return std::move(plan_);
  }

 private:
  void AddInvalid(std::string field, std::string problem, std::string want) {
    plan_.objections.AddInvalid(
        Problem{"", "", std::move(field), std::move(problem), std::move(want), "", 0});
  }

  void ReadOwnership() {
    if (options_.prune().empty()) return;
    const auto selector = resource::Selector::Parse({options_.prune()});
    if (!selector.ok() || selector->terms().size() != 1 ||
        !selector->terms()[0].value.has_value() || selector->terms()[0].value->empty()) {
      AddInvalid("prune", absl::StrCat("got ", resource::Quoted(options_.prune())),
                 "one label: key=value");
      return;
    }
    owner_ = Ownership{selector->terms()[0].key, *selector->terms()[0].value};
  }

  void AddItem(v1::ApplyItem& item) {
    const resource::Location location = LocationOf(item);
    v1::Resource& resource = *item.mutable_resource();
    const Key key = resource::KeyOf(resource);
    if (key.kind == resource::Kind::kNone) {
      plan_.objections.AddInvalid(
          ProblemOf(key, location, "kind", "missing, or not known to this build", "a kind"));
      return;
    }
    const auto [seen, is_first] = seen_.emplace(key, location);
    if (!is_first) {
      const resource::Location& first = seen->second;
      plan_.objections.AddInvalid(
          ProblemOf(key, location, "name",
                    first.file.empty()
                        ? "is in the call twice"
                        : absl::StrCat("is defined twice: first at ", first.file, ":", first.line),
                    "one definition"));
      return;
    }
    const auto before = state_.resources.Find(key);
    if (owner_.has_value()) Stamp(key, location, before.get(), resource);
    if (before != nullptr) {
      const absl::StatusOr<v1::Resource> stored = Parse(*before);
      if (stored.ok()) resource::RestorePrivateKeys(resource, *stored);
    }
    const v1::Resource as_given = resource;
    resource::ToStoredForm(resource);
    std::string bytes = resource::Serialise(resource);
    if (before != nullptr && before->bytes == bytes) return;
    CheckHashes(key, location, before.get(), as_given);
    CheckItself(as_given, before.get(), location, plan_);
    changes_[key] = PlannedChange{key, before, std::move(resource), std::move(bytes), location};
  }

  // Puts the label on, unless somebody else's is there.
  void Stamp(const Key& key, const resource::Location& location,
             const store::StoredResource* before, v1::Resource& resource) {
    const std::string field = "labels." + owner_->key;
    auto& labels = *resource.mutable_labels();
    const auto own = labels.find(owner_->key);
    if (own != labels.end() && own->second != owner_->value && !options_.adopt()) {
      plan_.objections.AddConflict(ProblemOf(
          key, location, field, absl::StrCat("the resource says ", resource::Quoted(own->second)),
          absl::StrCat(owner_->ToString(), ", or adopt (--adopt) to take it over")));
    }
    labels[owner_->key] = owner_->value;
    if (before == nullptr || options_.adopt()) return;
    const std::optional<std::string> stored = LabelOf(before->bytes, owner_->key);
    if (stored == owner_->value) return;
    plan_.objections.AddConflict(
        ProblemOf(key, location, field,
                  stored.has_value() ? absl::StrCat("it belongs to ", owner_->key, "=", *stored)
                                     : absl::StrCat("it exists and has no label ", owner_->key),
                  absl::StrCat(owner_->ToString(), ", or adopt (--adopt) to take it over")));
  }

  // A hash stands for a secret that is stored; one made up would admit whoever knows what it
  // is the hash of.
  void CheckHashes(const Key& key, const resource::Location& location,
                   const store::StoredResource* before, const v1::Resource& resource) {
    const auto hashes = HashesIn(resource);
    if (hashes.empty()) return;
    std::set<std::string> known;
    if (before != nullptr) {
      const absl::StatusOr<v1::Resource> stored = Parse(*before);
      if (stored.ok()) {
        for (const auto& [path, hash] : HashesIn(*stored)) known.insert(hash);
      }
    }
    for (const auto& [path, hash] : hashes) {
      if (known.count(hash) != 0) continue;
      plan_.objections.AddInvalid(ProblemOf(key, location, path,
                                            "is a hash that is not stored for this resource",
                                            "the secret itself, or a hash as it was listed"));
    }
  }

  void AddDeletion(const v1::ResourceKey& as_given) {
    const absl::StatusOr<Key> read = ReadKey(as_given);
    if (!read.ok()) {
      for (Problem& problem : ProblemsOf(read.status())) {
        plan_.objections.AddInvalid(std::move(problem));
      }
      return;
    }
    const Key& key = *read;
    if (seen_.count(key) != 0) {
      plan_.objections.AddInvalid(
          ProblemOf(key, {}, "", "is both applied and deleted", "one of the two"));
      return;
    }
    const auto before = state_.resources.Find(key);
    if (before == nullptr) {
      plan_.objections.AddMissing(ProblemOf(key, {}, "", "does not exist", ""));
      return;
    }
    changes_[key] = PlannedChange{key, before, std::nullopt, "", {}};
  }

  // Deletes what carries the label and is absent.
  void AddPruned() {
    for (const auto& stored : state_.resources) {
      if (seen_.count(stored->key) != 0) continue;
      if (LabelOf(stored->bytes, owner_->key) != owner_->value) continue;
      changes_[stored->key] = PlannedChange{stored->key, stored, std::nullopt, "", {}};
    }
  }

  const store::State& state_;
  const v1::ApplyRequest::Options& options_;
  std::optional<Ownership> owner_;
  std::map<Key, resource::Location> seen_;
  std::map<Key, PlannedChange> changes_;
  Plan plan_;
};

}  // namespace

Plan PlanApply(const store::State& state, const v1::ApplyRequest::Options& options,
               std::vector<v1::ApplyItem> items) {
  return ApplyPlanner(state, options).Make(std::move(items));
}

bool RollbackScope::Covers(const Key& key, const store::StoredResource* present,
                           const store::StoredResource* past) const {
  if (!keys.empty() && std::find(keys.begin(), keys.end(), key) == keys.end()) return false;
  if (labels.empty()) return true;
  return (present != nullptr && Matches(labels, present->bytes)) ||
         (past != nullptr && Matches(labels, past->bytes));
}

Plan PlanRollback(const store::State& state, const store::ResourceSet& past,
                  const RollbackScope& scope) {
  Plan plan;
  auto now = state.resources.begin();
  auto then = past.begin();
  const auto take_back = [&](const std::shared_ptr<const store::StoredResource>& present,
                             const std::shared_ptr<const store::StoredResource>& earlier) {
    const Key& key = present != nullptr ? present->key : earlier->key;
    if (present != nullptr && earlier != nullptr && present->digest == earlier->digest) return;
    if (!scope.Covers(key, present.get(), earlier.get())) return;
    PlannedChange change{key, present, std::nullopt, "", {}};
    if (earlier != nullptr) {
      absl::StatusOr<v1::Resource> parsed = Parse(*earlier);
      if (!parsed.ok()) {
        plan.objections.AddInvalid(
            ProblemOf(key, {}, "", "cannot be read as this generation has it", ""));
        return;
      }
      change.after = *std::move(parsed);
      change.bytes = earlier->bytes;
      CheckItself(*change.after, present.get(), {}, plan);
    }
    plan.changes.push_back(std::move(change));
  };
  // Both are ordered by key.
  while (now != state.resources.end() || then != past.end()) {
    if (then == past.end() || (now != state.resources.end() && (*now)->key < (*then)->key)) {
      take_back(*now, nullptr);
      ++now;
    } else if (now == state.resources.end() || (*then)->key < (*now)->key) {
      take_back(nullptr, *then);
      ++then;
    } else {
      take_back(*now, *then);
      ++now;
      ++then;
    }
  }
  return plan;
}

absl::StatusOr<v1::Resource> Parse(const store::StoredResource& stored) {
  v1::Resource resource;
  if (resource.ParseFromString(stored.bytes)) return resource;
  return absl::DataLossError(
      absl::StrCat(stored.key.ToString(), ": what is stored cannot be parsed"));
}

}  // namespace sluice::admin
