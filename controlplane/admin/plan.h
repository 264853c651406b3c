// What a call would change, before anything judges it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/resource/key.h"
#include "api/resource/selector.h"
#include "api/resource/source.h"
#include "controlplane/admin/objections.h"
#include "controlplane/store/state.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::admin {

struct PlannedChange {
  resource::Key key;
  std::shared_ptr<const store::StoredResource> before;  // Null: it is created.
  std::optional<v1::Resource> after;                    // Unset: it is deleted.
  std::string bytes;                                    // As which `after` is stored.
  resource::Location location;                          // Of `after`, for problems.
};

// Made from one state, and good for that one only.
struct Plan {
  // By key; only what would differ.
  std::vector<PlannedChange> changes;
  // What is wrong with the call and with each resource by itself.
  Objections objections;
  // Problems that a changed resource had before.
  std::vector<resource::Problem> warnings;
};

// The resources and deletions of an Apply, with labels stamped, credentials hashed, and what
// `prune` deletes. Resources are checked before their credentials are hashed: afterwards nobody can
// tell whether a key was too short.
Plan PlanApply(const store::State& state, const v1::ApplyRequest::Options& options,
               std::vector<v1::ApplyItem> items);

// Which resources a rollback takes back; neither: all.
struct RollbackScope {
  resource::Selector labels;  // In either generation.
  std::vector<resource::Key> keys;

  bool Covers(const resource::Key& key, const store::StoredResource* present,
              const store::StoredResource* past) const;
};

// From the resources of `state` to those of `past`, within the scope. What was stored then is
// stored again, byte for byte.
Plan PlanRollback(const store::State& state, const store::ResourceSet& past,
                  const RollbackScope& scope);

// The resource that was stored. It parses: it was serialised here, or DATA_LOSS.
absl::StatusOr<v1::Resource> Parse(const store::StoredResource& stored);

}  // namespace sluice::admin
