// Statuses that carry their problems.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/resource/problem.h"

namespace sluice::admin {

// Where the problems of a status are, as a serialised v1::Problems.
inline constexpr absl::string_view kProblemsUrl = "type.googleapis.com/sluice.v1.Problems";

// `problems` is not empty; the message is the first of them and how many more there are.
absl::Status Refusal(absl::StatusCode code, std::vector<resource::Problem> problems);

// None if the status is OK or was not made by Refusal().
std::vector<resource::Problem> ProblemsOf(const absl::Status& status);

}  // namespace sluice::admin
