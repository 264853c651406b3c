// A route's matching fields, checked once and ready to be put into tables.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/match/path_pattern.h"
#include "api/match/predicate.h"
#include "api/match/route_spec.h"

namespace sluice::match {

// What a RouteSpec means. Immutable; any thread may read it; tables that hold it share it.
class CompiledSpec {
 public:
  struct Path {
    absl::string_view text;  // As written.
    PathKind kind = PathKind::kPattern;
    std::unique_ptr<const Regex> regex;  // kRegex only.
  };

  absl::string_view name() const { return name_; }
  int32_t priority() const { return priority_; }

  // In lower case; wildcards with their "*.". Empty: every host.
  absl::Span<const absl::string_view> hosts() const { return hosts_; }

  // At least one: a route that names no path has "/*".
  absl::Span<const Path> paths() const { return paths_; }

  // Null if there are none.
  const Predicates* predicates() const { return predicates_.get(); }
  uint32_t predicate_count() const { return predicate_count_; }

 private:
  friend class SpecCompiler;
  CompiledSpec() = default;

  std::unique_ptr<char[]> text_;  // What the views below point into: one block for all.
  absl::string_view name_;
  absl::InlinedVector<absl::string_view, 1> hosts_;
  absl::InlinedVector<Path, 1> paths_;
  std::unique_ptr<const Predicates> predicates_;
  int32_t priority_ = 0;
  uint32_t predicate_count_ = 0;
};

// Checks and compiles. INVALID_ARGUMENT with all problems, joined by "; ", if there is any:
// `paths[1]: has two variables named "id", got "/{id}/{id}"`. `problems`, where given, gets them
// one by one, in the order of RouteSpec's fields.
absl::StatusOr<std::shared_ptr<const CompiledSpec>> Compile(
    const RouteSpec& spec, std::vector<SpecProblem>* problems = nullptr);

}  // namespace sluice::match
