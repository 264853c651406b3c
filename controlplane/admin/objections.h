// What stands against a call: collected in full, so that one answer names everything.
#pragma once

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "api/resource/problem.h"

namespace sluice::admin {

class Objections {
 public:
  // The call or a resource in it is wrong.
  void AddInvalid(resource::Problem problem) { invalid_.push_back(std::move(problem)); }
  // It names what is not there.
  void AddMissing(resource::Problem problem) { missing_.push_back(std::move(problem)); }
  // It is right in itself, but something that exists stands against it.
  void AddConflict(resource::Problem problem) { conflicts_.push_back(std::move(problem)); }

  bool empty() const { return invalid_.empty() && missing_.empty() && conflicts_.empty(); }

  // A Refusal with all of them; OK if there are none. Its code is that of the gravest:
  // INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION.
  absl::Status status() const;

 private:
  std::vector<resource::Problem> invalid_;
  std::vector<resource::Problem> missing_;
  std::vector<resource::Problem> conflicts_;
};

}  // namespace sluice::admin
