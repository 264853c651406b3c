#include "proxy/http/grpc/bidi_call.h"

#include <utility>

#include "absl/strings/match.h"
#include "proxy/http/grpc/status.h"

namespace sluice::http::grpc {

BidiCall::BidiCall(net::IoContext& io, Events& events, const Options& options)
    : io_(io),
      events_(events),
      arena_(io.pool, memory_, memory_ + sizeof(memory_)),
      reader_(options.max_message_bytes) {}

BidiCall::~BidiCall() {
  if (stream_ != nullptr) stream_->Reset(ResetReason::kLocalReset);
}

bool BidiCall::Start(h2::ClientConnection& connection, absl::string_view authority,
                     absl::string_view path) {
  stream_ = connection.NewStream(*this);
  if (stream_ == nullptr) return false;
  RequestHead head(arena_);
  head.method = "POST";
  head.method_id = Method::kPost;
  head.authority = authority;
  head.path = path;
  head.body = BodySize::Unknown();
  head.headers.Add(HeaderId::kContentType, "application/grpc");
  head.headers.Add(HeaderId::kTe, "trailers");
  head.headers.Add(HeaderId::kUserAgent, "sluice");
  stream_->SendHead(head, /*end=*/false);
  return true;
}

void BidiCall::Send(absl::string_view message) {
  if (stream_ == nullptr) return;
  const auto size = static_cast<uint32_t>(message.size());
  const char head[] = {0, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8), static_cast<char>(size)};
  net::Buffer framed;
  framed.AppendCopy(io_.pool, absl::string_view(head, sizeof(head)));
  framed.AppendCopy(io_.pool, message);
  stream_->SendBody(std::move(framed), /*end=*/false);
}

void BidiCall::Pause() {
  if (++pauses_ == 1 && stream_ != nullptr) stream_->PauseBody();
}

void BidiCall::Resume() {
  if (--pauses_ > 0 || stream_ == nullptr) return;
  stream_->ResumeBody();
  io_.loop.Schedule(*this, event::Phase::kReady);
}

void BidiCall::OnHead(ResponseHead& head, bool end) {
  const absl::string_view type = head.headers.Get(HeaderId::kContentType);
  if (head.headers.Find("grpc-status") != nullptr && end) {
    return Finish(FromTrailers(head.headers));
  }
  if (head.status != 200) return Finish(FromHttp(head.status));
  if (!absl::StartsWith(type, "application/grpc")) {
    return Finish(absl::UnknownError("the response is not of type application/grpc"));
  }
  if (end) Finish(absl::UnknownError("the response has no valid grpc-status"));
}

void BidiCall::OnBody(net::Buffer&& body) {
  reader_.Append(std::move(body));
  Deliver();
}

void BidiCall::OnEnd(const HeaderMap* trailers) {
  end_ = trailers == nullptr ? absl::UnknownError("the response has no valid grpc-status")
                             : FromTrailers(*trailers);
  Deliver();
}

void BidiCall::OnReset(ResetReason reason) {
  stream_ = nullptr;
  Finish(FromReset(reason));
}

void BidiCall::Deliver() {
  while (pauses_ == 0 && stream_ != nullptr) {
    absl::StatusOr<std::optional<std::string>> message = reader_.Next();
    if (!message.ok()) return Finish(message.status());
    if (message->has_value()) {
      events_.OnMessage(**std::move(message));
      continue;
    }
    if (!end_.has_value()) return;
    if (!reader_.is_at_boundary()) return Finish(absl::InternalError("the last message is cut"));
    return Finish(*end_);
  }
}

void BidiCall::Finish(const absl::Status& status) {
  Unschedule();
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Reset(ResetReason::kLocalReset);
  events_.OnFinished(status);
}

}  // namespace sluice::http::grpc
