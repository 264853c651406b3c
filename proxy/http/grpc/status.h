// What became of a call, from what its response says.
#pragma once

#include "absl/status/status.h"
#include "proxy/http/header_map.h"
#include "proxy/http/stream.h"

namespace sluice::http::grpc {

// Of a response that is not gRPC's: a proxy or another server answered. UNAVAILABLE for 429, 502,
// 503 and 504, UNIMPLEMENTED for 404; else by gRPC's table "HTTP to gRPC status code mapping".
absl::Status FromHttp(int status);

// From grpc-status and grpc-message, in trailers or, where there is no body, in the head. UNKNOWN
// without a valid grpc-status.
absl::Status FromTrailers(const HeaderMap& trailers);

// UNAVAILABLE, except for what would not be better on another connection.
absl::Status FromReset(ResetReason reason);

}  // namespace sluice::http::grpc
