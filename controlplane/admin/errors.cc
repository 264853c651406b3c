#include "controlplane/admin/errors.h"

#include <algorithm>
#include <string>
#include <utility>

#include "controlplane/admin/refusal.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::admin {
namespace {

constexpr size_t kMostProblemBytes = size_t{1} << 20;
constexpr size_t kMostMessageBytes = 1024;

// The first of `problems` that fit.
v1::Problems Cut(v1::Problems problems, size_t max_bytes) {
  size_t bytes = 0;
  int kept = 0;
  for (; kept < problems.problems_size(); ++kept) {
    bytes += problems.problems(kept).ByteSizeLong() + 4;
    if (bytes > max_bytes) break;
  }
  const int excess = problems.problems_size() - kept;
  problems.mutable_problems()->DeleteSubrange(kept, excess);
  problems.set_omitted(static_cast<uint32_t>(excess));
  return problems;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status, size_t max_problem_bytes) {
  if (status.ok()) return grpc::Status::OK;
  // The numbers of both are those of google.rpc.Code.
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message = std::string(status.message().substr(0, kMostMessageBytes));
  const auto payload = status.GetPayload(kProblemsUrl);
  v1::Problems problems;
  if (!payload.has_value() || !problems.ParseFromString(std::string(*payload))) {
    return grpc::Status(code, message);
  }
  if (max_problem_bytes == 0) max_problem_bytes = kDefaultProblemBytes;
  problems = Cut(std::move(problems), std::min(max_problem_bytes, kMostProblemBytes));
  v1::StatusDetails details;
  details.set_code(static_cast<int>(status.code()));
  details.add_details()->PackFrom(problems);
  // Its message stays empty: it is in the status already, and room is scarce.
  return grpc::Status(code, message, details.SerializeAsString());
}

}  // namespace sluice::admin
