// The two messages of grpc.health.v1.Health/Check, which are too small for a protobuf library where
// there is none.
//
//   message HealthCheckRequest { string service = 1; }
//   message HealthCheckResponse { ServingStatus status = 1; }
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::upstream::health {

// HealthCheckRequest, framed as a message of a gRPC stream.
std::string EncodeRequest(absl::string_view service);

inline constexpr uint64_t kServing = 1;

// The status of a HealthCheckResponse, without its frame; other fields are passed over. Nothing if
// it is no message of protobuf's.
std::optional<uint64_t> DecodeStatus(absl::string_view message);

// "SERVING"
std::string StatusName(uint64_t status);

}  // namespace sluice::upstream::health
