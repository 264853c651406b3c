#include "controlplane/admin/authorize.h"

#include "base/status_macros.h"

namespace sluice::admin {

absl::Status Authorize(const auth::Caller& caller, v1::ApplyRequest::Options& options) {
  RETURN_IF_ERROR(caller.CheckChange(options.dry_run()));
  if (std::string name = caller.name(); !name.empty()) options.set_author(name);
  return absl::OkStatus();
}

}  // namespace sluice::admin
