// Where a check says what is wrong.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/match/route_spec.h"
#include "api/resource/problem.h"

namespace sluice::validate {

using match::Flaw;
using resource::Problem;

// A field of a resource, by its path from the top; what is refused goes into one list of problems.
// Costs nothing until something is refused.
//
//   void Check(const v1::Endpoint& endpoint, const Field& field) {
//     field.At("address").Refuse(CheckEndpointAddress(endpoint.address()));
//
// Lifetime: a field refers to the one that it was made from, and to the texts that it was given.
class Field {
 public:
  // The top of a resource.
  Field(std::vector<Problem>& problems, absl::string_view kind, absl::string_view name)
      : problems_(problems), kind_(kind), name_(name) {}

  // "name", "name[index]" and, for a key of a map, "key" in this field.
  Field At(absl::string_view name) const { return Field(*this, name, kNoIndex); }
  Field At(absl::string_view name, size_t index) const { return Field(*this, name, index); }

  void Refuse(std::string problem, std::string want = "") const;

  // Says what is probably not meant so, and lets it pass.
  void Warn(std::string problem, std::string want = "") const;

  // Nothing is no problem.
  void Refuse(std::optional<Flaw> flaw) const {
    if (flaw.has_value()) Refuse(std::move(flaw->problem), std::move(flaw->want));
  }

 private:
  static constexpr size_t kNoIndex = static_cast<size_t>(-1);

  Field(const Field& parent, absl::string_view part, size_t index)
      : problems_(parent.problems_),
        kind_(parent.kind_),
        name_(parent.name_),
        parent_(&parent),
        part_(part),
        index_(index) {}

  std::string Path() const;

  std::vector<Problem>& problems_;
  const absl::string_view kind_;  // Of the resource.
  const absl::string_view name_;
  const Field* const parent_ = nullptr;
  const absl::string_view part_;
  const size_t index_ = kNoIndex;
};

// INVALID_ARGUMENT with all problems, joined by "; ", or OK if there is none.
absl::Status StatusOf(const std::vector<Problem>& problems);

// Checks a plugin's configuration outside of a resource, for the plugin's factory: finds the
// Check(config, field) of api/validate/plugins/<name>.h.
template <typename Config>
absl::Status CheckStatus(const Config& config) {
  std::vector<Problem> problems;
  Check(config, Field(problems, "", ""));
  return StatusOf(problems);
}

}  // namespace sluice::validate
