// The request's body on its way to the attempts.

#include "proxy/exchange/exchange.h"

#include <utility>

namespace sluice::exchange {

using http::BodySize;
using plugins::Action;
using plugins::BodyMode;

// --- Request body --------------------------------------------------------------------------------

// Nobody here looks at what comes, keeps it for another attempt or copies it, and whom it goes to
// takes it unseen.
bool Exchange::TakesPipes() const {
  if (is_replayable_ || !mirrors_.empty() || RequestMode().kind != BodyMode::Kind::kNone) {
    return false;
  }
  const Attempt* attempt = attempts_.first();
  return attempt != nullptr && IsAlone(*attempt) && attempt->stream() != nullptr &&
         attempt->stream()->TakesPipes();
}

void Exchange::OnRequestBody(net::Buffer&& body) {
  Touch();
  summary_.received_bytes += body.size();
  if (summary_.received_bytes > max_body_bytes_) {
    return ReplyWithReason("request_body_too_large");
  }
  held_.Append(std::move(body));
  if (request_stop_ != Hook::kNone || stage_ == Stage::kHead) return PauseClient();
  PassRequestBody();
}

// Takes what is in held_ through the plugins.
void Exchange::PassRequestBody() {
  if (held_.empty()) return;
  const BodyMode mode = RequestMode();
  if (mode.kind == BodyMode::Kind::kWhole) {
    if (held_.size() > mode.max_bytes) ReplyWithReason("request_body_too_large");
    return;  // Goes on when it is all there.
  }
  if (mode.kind == BodyMode::Kind::kStream) {
    is_in_hook_ = true;
    const Action action = chain_.RunRequestBody(held_, false, *this);
    is_in_hook_ = false;
    if (pending_reply_) return ReplyLocal(*pending_reply_, {});
    if (action == Action::kStop) {
      request_stop_ = Hook::kRequestBody;
      return PauseClient();
    }
  }
  QueueRequestBody(std::move(held_));
}

void Exchange::OnRequestEnd(const http::HeaderMap* trailers) {
  Touch();
  request_ended_ = true;
  summary_.request_end_ns = worker_.io.loop.now_ns();
  if (trailers != nullptr && trailers->count() > 0) {
    auto* copy = new (arena_.Allocate(sizeof(http::HeaderMap), alignof(http::HeaderMap)))
        http::HeaderMap(arena_);
    trailers->ForEach(
        [copy](const http::HeaderMap::Entry& e) { copy->Add(e.id, e.name(), e.value()); });
    request_trailers_ = copy;
  }
  if (request_stop_ != Hook::kNone || stage_ == Stage::kHead) return;
  PassRequestEnd();
}

// The client's body is complete, and what came before has passed.
void Exchange::PassRequestEnd() {
  const BodyMode mode = RequestMode();
  if (request_stop_ != Hook::kRequestTrailers) {
    if (mode.kind == BodyMode::Kind::kWhole || mode.kind == BodyMode::Kind::kStream) {
      if (mode.kind == BodyMode::Kind::kWhole && held_.size() > mode.max_bytes) {
        return ReplyWithReason("request_body_too_large");
      }
      is_in_hook_ = true;
      const Action action = chain_.RunRequestBody(held_, true, *this);
      is_in_hook_ = false;
      if (pending_reply_) return ReplyLocal(*pending_reply_, {});
      if (action == Action::kStop) {
        request_stop_ = Hook::kRequestBody;
        return;
      }
    }
    request_stop_ = Hook::kNone;
  }
  if (request_trailers_ != nullptr && chain_.has_request_trailers()) {
    is_in_hook_ = true;
    const Action action =
        chain_.RunRequestTrailers(const_cast<http::HeaderMap&>(*request_trailers_), *this);
    is_in_hook_ = false;
    if (pending_reply_) return ReplyLocal(*pending_reply_, {});
    if (action == Action::kStop) {
      request_stop_ = Hook::kRequestTrailers;
      return;
    }
    request_stop_ = Hook::kNone;
  }
  request_passed_ = true;
  const bool was_collected = stage_ == Stage::kCollecting;
  if (was_collected) {
    request_.body = BodySize::Length(held_.size());
    stage_ = Stage::kUpstream;
  }
  QueueRequestBody(std::move(held_));
  mirrors_.Complete(request_trailers_);
  if (was_collected) StartFirstAttempt();
}

void Exchange::QueueRequestBody(net::Buffer&& body) {
  mirrors_.Push(body);
  body_.Append(std::move(body));
  if (stage_ == Stage::kUpstream || stage_ == Stage::kHolding || stage_ == Stage::kResponding) {
    PumpRequestBody();
  }
}

void Exchange::PumpRequestBody() {
  if (attempts_.empty() && body_.size() >= kMaxReplayBytes) PauseClient();
  for (Attempt* attempt = attempts_.first(); attempt != nullptr;
       attempt = AttemptList::Next(*attempt)) {
    PumpRequestBody(*attempt);
  }
}

void Exchange::PauseClient() {
  if (is_client_paused_ || request_ended_) return;
  is_client_paused_ = true;
  client_.PauseBody();
}

void Exchange::ResumeClient() {
  if (!is_client_paused_) return;
  is_client_paused_ = false;
  client_.ResumeBody();
}

}  // namespace sluice::exchange
