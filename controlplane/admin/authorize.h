// Whether a change may be made, and by whom it is.
#pragma once

#include "absl/status/status.h"
#include "controlplane/auth/caller.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::admin {

// Checks that `caller` may do what the options of a change say, and has the history name the holder
// of the certificate, whatever the request says.
//   PERMISSION_DENIED, UNAUTHENTICATED  as caller.h has them
absl::Status Authorize(const auth::Caller& caller, v1::ApplyRequest::Options& options);

}  // namespace sluice::admin
