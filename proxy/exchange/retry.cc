#include "proxy/exchange/retry.h"

#include "absl/strings/numbers.h"

namespace sluice::exchange {

using http::ResetReason;
using upstream::RetryOn;
using upstream::RetryPolicy;

namespace {

bool FailedToConnect(const Outcome& outcome) {
  return outcome.kind == Outcome::Kind::kReset && http::IsConnectFailure(outcome.reset);
}

// Nothing of the request was processed.
bool IsUntouched(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::kTimeout) return !outcome.has_sent_bytes;
  if (outcome.kind != Outcome::Kind::kReset) return false;
  return FailedToConnect(outcome) || outcome.reset == ResetReason::kPeerRefused ||
         (outcome.reset == ResetReason::kPeerClosed && !outcome.has_sent_bytes);
}

// A connection that the server closed at the moment in which it was used again.
bool IsStale(const Outcome& outcome) {
  return outcome.kind == Outcome::Kind::kReset && outcome.reset == ResetReason::kPeerClosed &&
         outcome.was_reused;
}

bool WantsReset(const RetryPolicy& policy, ResetReason reason) {
  switch (reason) {
    case ResetReason::kConnectFailed:
    case ResetReason::kConnectTimeout:
    case ResetReason::kTlsFailed:
    case ResetReason::kTlsUntrusted:
    case ResetReason::kTlsNoProtocol:
      return policy.Has(RetryOn::kConnectFailure);
    case ResetReason::kPeerRefused:
      return policy.Has(RetryOn::kRefusedStream) || policy.Has(RetryOn::kReset);
    case ResetReason::kPeerClosed:
    case ResetReason::kPeerReset:
    case ResetReason::kProtocolError:
    case ResetReason::kHeadTooLarge:
      return policy.Has(RetryOn::kReset);
    case ResetReason::kNone:
    case ResetReason::kLocalReset:
    case ResetReason::kOverload:
      return false;
  }
  return false;
}

bool Wants(const RetryPolicy& policy, const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kReset:
      return WantsReset(policy, outcome.reset);
    case Outcome::Kind::kTimeout:
      return policy.Has(RetryOn::kTimeout);
    case Outcome::Kind::kStatus:
      return policy.HasStatus(outcome.status);
  }
  return false;
}

}  // namespace

Verdict Judge(const RetryPolicy* policy, http::Method method, bool is_grpc,
              const Outcome& outcome) {
  const bool is_idempotent = http::IsIdempotent(method);
  if (outcome.kind == Outcome::Kind::kReset) {
    if (IsUntouched(outcome)) return Verdict::kHarmless;
    if (IsStale(outcome) && is_idempotent) return Verdict::kHarmless;
  }
  if (policy == nullptr) return Verdict::kFinal;
  // Who names gRPC statuses asks for it, although every gRPC request is a POST.
  if (is_grpc && outcome.kind == Outcome::Kind::kStatus &&
      policy->HasGrpcStatus(outcome.grpc_status)) {
    return Verdict::kRetry;
  }
  const bool may_repeat = is_idempotent || policy->non_idempotent || IsUntouched(outcome);
  return may_repeat && Wants(*policy, outcome) ? Verdict::kRetry : Verdict::kFinal;
}

bool BlamesEndpoint(const Outcome& outcome) {
  if (outcome.kind != Outcome::Kind::kReset || !outcome.was_reused) return true;
  return outcome.reset != ResetReason::kPeerClosed && outcome.reset != ResetReason::kPeerRefused;
}

int ParseGrpcStatus(absl::string_view text) {
  int status;
  return absl::SimpleAtoi(text, &status) && status >= 0 ? status : -1;
}

}  // namespace sluice::exchange
