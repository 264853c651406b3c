#include "controlplane/admin/refusal.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::admin {

absl::Status Refusal(absl::StatusCode code, std::vector<resource::Problem> problems) {
  resource::Sort(problems);
  std::string message = resource::ToString(problems.front());
  if (problems.size() > 1) absl::StrAppend(&message, "; and ", problems.size() - 1, " more");
  v1::Problems details;
  for (const resource::Problem& problem : problems) {
    *details.add_problems() = resource::ToProto(problem);
  }
  absl::Status status(code, message);
  status.SetPayload(kProblemsUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

std::vector<resource::Problem> ProblemsOf(const absl::Status& status) {
  std::vector<resource::Problem> problems;
  const auto payload = status.GetPayload(kProblemsUrl);
  v1::Problems details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return problems;
  for (const v1::Problem& problem : details.problems()) {
    problems.push_back(resource::FromProto(problem));
  }
  return problems;
}

}  // namespace sluice::admin
