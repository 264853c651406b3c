// Values that come as text or JSON beside the resources: query parameters, the body of a rollback.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "api/resource/problem.h"

namespace sluice::v1 {
class RollbackRequest;
}

namespace sluice::web {

// Reads query parameters and collects what is wrong with them.
//
//   Parameters parameters(request.parameters, {"from", "to"});
//   const uint64_t from = parameters.Uint("from");
//   if (!parameters.problems().empty()) ...
class Parameters {
 public:
  // A name that is not among `known` is a problem.
  Parameters(std::vector<std::pair<std::string, std::string>> given,
             absl::Span<const absl::string_view> known);

  // The last value of the name; unset if it is not there.
  std::optional<std::string> Text(absl::string_view name) const;
  std::optional<uint64_t> OptionalUint(absl::string_view name);
  uint64_t Uint(absl::string_view name) { return OptionalUint(name).value_or(0); }
  // "true", "false"; without a value true.
  bool Bool(absl::string_view name);
  // Every value of the name, each divided at commas.
  std::vector<std::string> Texts(absl::string_view name) const;

  const std::vector<resource::Problem>& problems() const { return problems_; }

 private:
  void Refuse(absl::string_view name, std::string problem, std::string want);

  const std::vector<std::pair<std::string, std::string>> given_;
  std::vector<resource::Problem> problems_;
};

// {"generation": 41, "labels": ["team=orders"], "keys": [{"kind": "Route", "name": "a"}],
//  "dry_run": true, "allow_skew": true, "expect": 43, "message": "...", "author": "..."}
// Returns what is wrong with it.
std::vector<resource::Problem> ReadRollback(absl::string_view json, v1::RollbackRequest* request);

}  // namespace sluice::web
