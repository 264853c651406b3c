// What the proxy itself says to gRPC clients, and reads of their requests.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "proxy/http/message.h"

namespace sluice::http::grpc {

// Whether a Content-Type is gRPC's: "application/grpc", alone or with a subtype ("+proto") or
// parameters. gRPC-Web's are not.
bool IsGrpc(absl::string_view content_type);

// Of grpc-timeout, in nanoseconds: at most eight digits and a unit (H, M, S, m, u, n).
std::optional<int64_t> ParseTimeout(absl::string_view text);

// Makes a head that has an HTTP status one that ends a call ("trailers-only"): 200 with the
// grpc-status that gRPC maps the HTTP status to and `message`, and no body. `is_late`: the call's
// own deadline has passed, which has a status of its own.
void MakeTrailersOnly(absl::string_view message, bool is_late, ResponseHead& head);

}  // namespace sluice::http::grpc
