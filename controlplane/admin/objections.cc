#include "controlplane/admin/objections.h"

#include "controlplane/admin/refusal.h"

namespace sluice::admin {

absl::Status Objections::status() const {
  if (empty()) return absl::OkStatus();
  std::vector<resource::Problem> all = invalid_;
  all.insert(all.end(), missing_.begin(), missing_.end());
  all.insert(all.end(), conflicts_.begin(), conflicts_.end());
  const absl::StatusCode code = !invalid_.empty()   ? absl::StatusCode::kInvalidArgument
                                : !missing_.empty() ? absl::StatusCode::kNotFound
                                                    : absl::StatusCode::kFailedPrecondition;
  return Refusal(code, std::move(all));
}

}  // namespace sluice::admin
