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

// The HTTP status that stands for one of gRPC ("14"), to those who count failures of servers: 500
// and above for what a server is to blame for, in part by gRPC's own mapping the other way round.
int ToHttp(absl::string_view grpc_status);

// UNAVAILABLE, except for what would not be better on another connection.
absl::Status FromReset(ResetReason reason);

}  // namespace sluice::http::grpc
