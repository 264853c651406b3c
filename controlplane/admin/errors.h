// Status to gRPC, in one place.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>

#include "absl/status/status.h"

namespace sluice::admin {

// What every gRPC client can take in a trailer.
inline constexpr size_t kDefaultProblemBytes = 3072;

// Problems go into the details (see api/sluice/v1/admin.proto), as many as fit in
// `max_problem_bytes`; 0 means the default.
grpc::Status ToGrpc(const absl::Status& status, size_t max_problem_bytes = 0);

}  // namespace sluice::admin
