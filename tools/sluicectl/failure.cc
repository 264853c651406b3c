#include "tools/sluicectl/failure.h"

#include <utility>

#include "absl/strings/cord.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::string_view kUsageUrl = "sluicectl/usage";
constexpr absl::string_view kProblemsUrl = "type.googleapis.com/sluice.v1.Problems";

}  // namespace

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsageUrl, absl::Cord("1"));
  return status;
}

absl::Status ProblemsError(std::vector<resource::Problem> problems, size_t omitted) {
  absl::Status status = absl::InvalidArgumentError("refused");
  AttachProblems(problems, omitted, status);
  return status;
}

void AttachProblems(const std::vector<resource::Problem>& problems, size_t omitted,
                    absl::Status& status) {
  v1::Problems message;
  for (const resource::Problem& problem : problems) {
    *message.add_problems() = resource::ToProto(problem);
  }
  message.set_omitted(static_cast<uint32_t>(omitted));
  status.SetPayload(kProblemsUrl, absl::Cord(message.SerializeAsString()));
}

std::vector<resource::Problem> ProblemsOf(const absl::Status& status, size_t* omitted) {
  std::vector<resource::Problem> problems;
  v1::Problems message;
  const auto payload = status.GetPayload(kProblemsUrl);
  if (!payload.has_value() || !message.ParseFromString(std::string(*payload))) return problems;
  for (const v1::Problem& problem : message.problems()) {
    problems.push_back(resource::FromProto(problem));
  }
  if (omitted != nullptr) *omitted = message.omitted();
  return problems;
}

ExitStatus ExitStatusOf(const absl::Status& status) {
  return status.GetPayload(kUsageUrl).has_value() ? ExitStatus::kUsage : ExitStatus::kFailed;
}

}  // namespace sluice::sluicectl
