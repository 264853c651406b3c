// Everything that happens because time passed: one timer, set to what comes first.

#include <algorithm>
#include <utility>

#include "proxy/exchange/exchange.h"
#include "proxy/http/grpc/reply.h"

namespace sluice::exchange {

// How long a gRPC caller waits, from the head of its request to the end of the response. The server
// is told, too, and may be faster to notice; the route's own timeouts hold besides.
void Exchange::NoteGrpcDeadline() {
  if (!is_grpc()) return;
  const auto timeout = http::grpc::ParseTimeout(request_.headers.Get("grpc-timeout"));
  if (timeout) grpc_deadline_ns_ = summary_.start_ns + *timeout;
}

// When the attempt's own time is over; never for one whose response has begun.
int64_t Exchange::TryDeadline(const Attempt& attempt) const {
  const upstream::RetryPolicy* policy = Policy();
  if (policy == nullptr || policy->per_try_timeout_ns == 0 || !awaits_response() ||
      attempt.has_response() || attempt.is_late()) {
    return INT64_MAX;
  }
  return std::max(attempt.start_ns(), summary_.request_end_ns) + policy->per_try_timeout_ns;
}

// When the exchange is over, whatever it does until then.
int64_t Exchange::TotalDeadline() const {
  if (route_ == nullptr || route_->total_timeout_ns == 0) return INT64_MAX;
  return summary_.start_ns + route_->total_timeout_ns;
}

void Exchange::ArmTimer() {
  if (stage_ == Stage::kDone) return;
  int64_t deadline = std::min(grpc_deadline_ns_, TotalDeadline());
  // While a plugin waits for its time, standing still is what it wants.
  if (plugin_timer_.then != nullptr) return timer_.SetAt(std::min(deadline, plugin_timer_.at_ns));
  if (route_ == nullptr) return;
  if (awaits_response() && route_->timeout_ns > 0) {
    deadline = std::min(deadline, summary_.request_end_ns + route_->timeout_ns);
  }
  if (!awaits_response() && route_->idle_timeout_ns > 0) {
    deadline =
        std::min(deadline, std::max(last_move_ns_, summary_.start_ns) + route_->idle_timeout_ns);
  }
  if (retry_at_ns_ != 0) deadline = std::min(deadline, retry_at_ns_);
  for (const Attempt* attempt = attempts_.first(); attempt != nullptr;
       attempt = AttemptList::Next(*attempt)) {
    deadline = std::min(deadline, TryDeadline(*attempt));
    if (attempt->sent.held_until_ns != 0)
      deadline = std::min(deadline, attempt->sent.held_until_ns);
  }
  if (deadline != INT64_MAX) timer_.SetAt(deadline);
}

void Exchange::OnTimer() {
  const int64_t now = worker_.io.loop.now_ns();
  if (now >= grpc_deadline_ns_) return ReplyWithReason(kGrpcDeadline);
  if (now >= TotalDeadline()) return ReplyWithReason("total_timeout");
  if (plugin_timer_.then != nullptr) {
    if (now < plugin_timer_.at_ns) return ArmTimer();
    const PluginTimer timer = std::exchange(plugin_timer_, {});
    Touch();
    timer.then(timer.state, *this);
    return ArmTimer();
  }
  // Set for a global rule's plugin, and no more.
  if (route_ == nullptr) return;
  if (awaits_response()) {
    if (route_->timeout_ns > 0 && now >= summary_.request_end_ns + route_->timeout_ns) {
      for (Attempt* attempt = attempts_.first(); attempt != nullptr;
           attempt = AttemptList::Next(*attempt)) {
        attempt->NoteTimeout();
      }
      return ReplyWithReason("response_timeout");
    }
  } else if (route_->idle_timeout_ns > 0 &&
             now >= std::max(last_move_ns_, summary_.start_ns) + route_->idle_timeout_ns) {
    if (stage_ == Stage::kResponding) return AbortResponse("body_idle_timeout");
    return ReplyWithReason(request_ended_ || is_client_paused_ ? "body_idle_timeout"
                                                               : "request_body_idle_timeout");
  }
  if (retry_at_ns_ != 0 && now >= retry_at_ns_) {
    // Counted until the attempt is.
    const upstream::Permit waited = std::move(wait_permit_);
    return StartAttempt(std::move(retry_permit_));
  }
  for (Attempt* attempt = attempts_.first(); attempt != nullptr;
       attempt = AttemptList::Next(*attempt)) {
    // The list may have changed thereafter; the timer is set anew by whatever happened.
    if (now >= TryDeadline(*attempt)) return OnTryTimeout(*attempt);
    if (attempt->sent.held_until_ns != 0 && now >= attempt->sent.held_until_ns) {
      attempt->sent.held_until_ns = 0;
      ArmTimer();
      return SendRequestHead(*attempt);
    }
  }
  ArmTimer();
}

}  // namespace sluice::exchange
