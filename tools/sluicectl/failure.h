// What a command comes to: its exit status, and statuses that say how it failed.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/resource/problem.h"

namespace sluice::sluicectl {

// Scripts depend on them: docs and --help list them.
enum class ExitStatus {
  kDone = 0,
  kFailed = 1,  // Refused, or failed.
  kUsage = 2,
  kDiffers = 3,    // With --exit-code.
  kNotActive = 4,  // Committed, but not active everywhere in time.
};

// The command line is wrong.
absl::Status UsageError(absl::string_view message);

// Configuration is wrong; the problems are kept apart, for printing one a line.
absl::Status ProblemsError(std::vector<resource::Problem> problems, size_t omitted = 0);

// Adds them to a status that came from elsewhere.
void AttachProblems(const std::vector<resource::Problem>& problems, size_t omitted,
                    absl::Status& status);

// None if it carries none. `omitted` gets how many more there are.
std::vector<resource::Problem> ProblemsOf(const absl::Status& status, size_t* omitted = nullptr);

// One that is not OK: the only place where statuses become exit statuses.
ExitStatus ExitStatusOf(const absl::Status& status);

}  // namespace sluice::sluicectl
