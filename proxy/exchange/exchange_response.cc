// The response on its way to the client, and plugins that stop and go on.

#include "proxy/exchange/exchange.h"

#include <utility>

namespace sluice::exchange {

using http::BodySize;
using http::HeaderId;
using plugins::Action;
using plugins::BodyMode;

// --- Response ------------------------------------------------------------------------------------

void Exchange::Accept(http::ResponseHead& head, bool end, Attempt& attempt) {
  winner_ = &attempt;
  attempts_.RemoveAllBut(attempt);
  Touch();
  summary_.response_head_ns = attempt.first_byte_ns();
  response_ended_ = end;
  response_.status = head.status;
  response_.body = head.body;
  response_.headers.Reserve(head.headers.count() + response_.headers.count() + 4);
  head.headers.ForEach([this](const http::HeaderMap::Entry& e) {
    response_.headers.Add(e.id, e.name(), e.value());
  });
  if (!sticky_cookie_.empty()) response_.headers.Add(HeaderId::kSetCookie, sticky_cookie_);
  if (head.status == 101 || is_connect()) BeginTunnel();
  stage_ = Stage::kHolding;
  // From here on it is the body's standing still that counts; no timer may have been set before.
  ArmTimer();
  summary_.details = "via_upstream";
  RunResponseHead();
}

void Exchange::RunResponseHead() {
  if (!has_late_) ChooseLateChain();
  is_in_hook_ = true;
  const Action action = chain_.RunResponseHead(*this);
  is_in_hook_ = false;
  if (pending_reply_) {
    response_.headers.Clear();
    return ReplyLocal(*pending_reply_, {});
  }
  if (action == Action::kStop) {
    response_stop_ = Hook::kResponseHead;
    return BlockUpstreamIfNeeded();
  }
  response_stop_ = Hook::kNone;
  const bool has_body = !http::ResponseHasNoBody(request_.method_id, response_.status);
  if (has_body && ResponseMode().kind == BodyMode::Kind::kWhole) {
    if (response_ended_) PassResponseEnd();
    return;
  }
  SendResponseHead();
}

void Exchange::SendResponseHead() {
  const bool ends_here = response_ended_ && response_held_.empty() && response_trailers_ == nullptr;
  // Plugins see the end first, so that the head can be the end: gRPC takes a status without
  // messages for nothing else.
  if (ends_here && ResponseMode().kind != BodyMode::Kind::kNone) return PassResponseEnd();
  stage_ = Stage::kResponding;
  has_sent_status_ = true;
  client_.SendHead(response_, ends_here);
  if (ends_here) return Finish();
  PassResponseBody();
  if (response_ended_ && stage_ == Stage::kResponding && response_stop_ == Hook::kNone) {
    PassResponseEnd();
  }
}

bool Exchange::TakesPipesOf(const Attempt& attempt) const {
  return stage_ == Stage::kResponding && winner_ == &attempt &&
         ResponseMode().kind == BodyMode::Kind::kNone && client_.TakesPipes();
}

void Exchange::OnResponseBody(net::Buffer&& body) {
  Touch();
  response_held_.Append(std::move(body));
  if (response_stop_ != Hook::kNone) return BlockUpstreamIfNeeded();
  PassResponseBody();
}

void Exchange::PassResponseBody() {
  if (response_held_.empty()) return;
  const BodyMode mode = ResponseMode();
  if (mode.kind == BodyMode::Kind::kWhole && stage_ == Stage::kHolding) {
    if (response_held_.size() > mode.max_bytes) {
      DropAttempts();
      response_.headers.Clear();
      ReplyWithReason("response_body_too_large");
    }
    return;
  }
  if (mode.kind == BodyMode::Kind::kStream) {
    is_in_hook_ = true;
    const Action action = chain_.RunResponseBody(response_held_, false, *this);
    is_in_hook_ = false;
    if (pending_reply_) return ReplyLocal(*pending_reply_, {});
    if (action == Action::kStop) {
      response_stop_ = Hook::kResponseBody;
      return BlockUpstreamIfNeeded();
    }
  }
  SendResponseBody(std::move(response_held_));
  response_held_ = net::Buffer();
}

void Exchange::SendResponseBody(net::Buffer&& body) {
  summary_.sent_bytes += body.size();
  client_.SendBody(std::move(body), false);
  BlockUpstreamIfNeeded();
}

void Exchange::BlockUpstreamIfNeeded() {
  const bool should_pause = response_stop_ != Hook::kNone || client_.is_send_blocked();
  if (!should_pause || is_upstream_paused_) return;
  if (winner_ == nullptr || winner_->stream() == nullptr) return;
  is_upstream_paused_ = true;
  winner_->stream()->PauseBody();
}

void Exchange::OnSendRoom() {
  Touch();
  if (!is_upstream_paused_ || response_stop_ != Hook::kNone) return;
  is_upstream_paused_ = false;
  if (winner_ != nullptr && winner_->stream() != nullptr) winner_->stream()->ResumeBody();
}

void Exchange::OnResponseEnd(const http::HeaderMap* trailers) {
  Touch();
  response_ended_ = true;
  if (trailers != nullptr && trailers->count() > 0) {
    auto* copy = new (arena_.Allocate(sizeof(http::HeaderMap), alignof(http::HeaderMap)))
        http::HeaderMap(arena_);
    trailers->ForEach(
        [copy](const http::HeaderMap::Entry& e) { copy->Add(e.id, e.name(), e.value()); });
    response_trailers_ = copy;
  }
  if (response_stop_ == Hook::kNone) PassResponseEnd();
}

void Exchange::PassResponseEnd() {
  const BodyMode mode = ResponseMode();
  if (response_stop_ != Hook::kResponseTrailers && mode.kind != BodyMode::Kind::kNone) {
    is_in_hook_ = true;
    const Action action = chain_.RunResponseBody(response_held_, true, *this);
    is_in_hook_ = false;
    if (pending_reply_) return ReplyLocal(*pending_reply_, {});
    if (action == Action::kStop) {
      response_stop_ = Hook::kResponseBody;
      return;
    }
    response_stop_ = Hook::kNone;
  }
  if (response_trailers_ != nullptr && chain_.has_response_trailers()) {
    is_in_hook_ = true;
    const Action action = chain_.RunResponseTrailers(*response_trailers_, *this);
    is_in_hook_ = false;
    if (pending_reply_) return ReplyLocal(*pending_reply_, {});
    if (action == Action::kStop) {
      response_stop_ = Hook::kResponseTrailers;
      return;
    }
    response_stop_ = Hook::kNone;
  }
  const bool has_trailers = response_trailers_ != nullptr && response_trailers_->count() > 0;
  if (stage_ == Stage::kHolding) {
    const bool has_body = !http::ResponseHasNoBody(request_.method_id, response_.status);
    if (has_body) response_.body = BodySize::Length(response_held_.size());
    stage_ = Stage::kResponding;
    has_sent_status_ = true;
    const bool ends_here = response_held_.empty() && !has_trailers;
    client_.SendHead(response_, ends_here);
    if (ends_here) return Finish();
  }
  if (!response_held_.empty()) {
    summary_.sent_bytes += response_held_.size();
    client_.SendBody(std::move(response_held_), false);
  }
  client_.SendEnd(has_trailers ? response_trailers_ : nullptr);
  Finish();
}

// --- Plugins -------------------------------------------------------------------------------------

void Exchange::Reply(const plugins::LocalReply& reply) {
  if (stage_ == Stage::kDone || pending_reply_ || is_local_) return;
  if (is_in_hook_) {
    pending_reply_ = reply;
    return;
  }
  ReplyLocal(reply, {});
}

void Exchange::SetTimer(int64_t delay_ns, TimerFn then, void* state) {
  plugin_timer_ = {then, state, worker_.io.loop.now_ns() + delay_ns};
  ArmTimer();
}

void Exchange::Resume() {
  if (stage_ == Stage::kDone) return;
  const Hook request_stop = std::exchange(request_stop_, Hook::kNone);
  if (request_stop == Hook::kRequestHead) return RunRequestHead();
  if (request_stop == Hook::kRequestBody) {
    if (request_ended_) {
      PassRequestEnd();
    } else {
      PassRequestBody();
    }
    return;
  }
  if (request_stop == Hook::kRequestTrailers) {
    request_stop_ = Hook::kRequestTrailers;
    return PassRequestEnd();
  }
  const Hook response_stop = std::exchange(response_stop_, Hook::kNone);
  if (response_stop == Hook::kNone) return;
  if (response_stop == Hook::kResponseHead) {
    RunResponseHead();
  } else if (response_stop == Hook::kResponseTrailers) {
    response_stop_ = Hook::kResponseTrailers;
    PassResponseEnd();
  } else if (response_ended_) {
    PassResponseEnd();
  } else {
    PassResponseBody();
  }
  if (stage_ != Stage::kDone && response_stop_ == Hook::kNone && !client_.is_send_blocked()) {
    OnSendRoom();
  }
}

}  // namespace sluice::exchange
