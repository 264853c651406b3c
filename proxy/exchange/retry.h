// Whether what became of an attempt is a reason for another.
//
// Thread: any; a pure function.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/http/message.h"
#include "proxy/http/stream.h"
#include "proxy/upstream/retry_policy.h"

namespace sluice::exchange {

// How an attempt ended before its response was passed on.
struct Outcome {
  enum class Kind : uint8_t {
    kReset,    // `reset` says why.
    kTimeout,  // Its per-try time.
    kStatus,   // A response of `status`, whose gRPC status is `grpc_status`.
  };
  Kind kind = Kind::kReset;
  http::ResetReason reset = http::ResetReason::kNone;
  int status = 0;
  int grpc_status = -1;         // None.
  bool has_sent_bytes = false;  // Some of the request may have reached the endpoint.
  bool was_reused = false;      // The connection had carried a request before.
};

enum class Verdict : uint8_t {
  kFinal,     // It is passed on.
  kHarmless,  // Nothing of it was processed: again at once, and the budget does not count it.
  kRetry,     // The policy says so.
};

// `policy` is null where none is configured. RFC 9110 section 9.2.2: what is not idempotent may be
// repeated only if it certainly was not processed, or somebody asked for it.
Verdict Judge(const upstream::RetryPolicy* policy, http::Method method, bool is_grpc,
              const Outcome& outcome);

// Whether the endpoint is to blame, so that another one is to be tried first: not where a
// connection had served before and had merely gone stale, or was being closed in good order.
bool BlamesEndpoint(const Outcome& outcome);

// The value of a grpc-status header; -1 if it is none.
int ParseGrpcStatus(absl::string_view text);

}  // namespace sluice::exchange
