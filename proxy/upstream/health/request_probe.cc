#include "proxy/upstream/health/request_probe.h"

#include <utility>

#include "proxy/http/grpc/status.h"
#include "proxy/net/proxy_header.h"

namespace sluice::upstream::health {

using http::ResetReason;

RequestProbe::RequestProbe(const Question& question, Pool& pool, Owner& owner)
    : question_(question),
      pool_(pool),
      owner_(owner),
      arena_(question.context.io.pool, memory_, memory_ + sizeof(memory_)) {
  // A check is no client's connection.
  set_prelude(net::LocalProxyHeader(question.settings.proxy_protocol));
}

RequestProbe::~RequestProbe() {
  if (stream_ != nullptr) stream_->Reset(ResetReason::kLocalReset);
}

std::optional<Answer> RequestProbe::Start() {
  if (Acquire(/*fresh=*/false)) return std::nullopt;
  return Answer::Void();
}

bool RequestProbe::Acquire(bool fresh) {
  stream_ = pool_.Acquire(*this, *this, fresh);
  if (stream_ != nullptr) {
    SendRequest(*stream_);
    return true;
  }
  return is_waiting();
}

absl::string_view RequestProbe::authority() const {
  if (!question_.spec.host.empty()) return question_.spec.host;
  if (question_.settings.host_mode == HostMode::kLiteral) return question_.settings.host;
  return question_.endpoint.name;
}

void RequestProbe::Tell(const Answer& answer) {
  if (std::exchange(is_told_, true)) return;
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Reset(ResetReason::kLocalReset);
  owner_.OnAnswer(answer);
}

void RequestProbe::LetGo() { std::exchange(stream_, nullptr)->Reset(ResetReason::kNone); }

void RequestProbe::OnStream(http::ClientStream& stream) {
  stream_ = &stream;
  SendRequest(stream);
}

void RequestProbe::OnConnectFailed(ResetReason reason) {
  if (reason == ResetReason::kOverload) return Tell(Answer::Void());
  Tell(Answer::Network(std::string(http::grpc::FromReset(reason).message())));
}

void RequestProbe::OnHead(http::ResponseHead& head, bool end) {
  has_head_ = true;
  if (end) LetGo();
  OnResponse(head, end);
}

void RequestProbe::OnBody(net::Buffer&& body) { OnResponseBody(std::move(body)); }

void RequestProbe::OnEnd(const http::HeaderMap* trailers) {
  LetGo();
  OnResponseEnd(trailers);
}

void RequestProbe::OnReset(ResetReason reason) {
  // The stream is still there to be asked, for the last time.
  const bool was_reused = std::exchange(stream_, nullptr)->is_reused();
  if (was_reused && !has_head_ && !std::exchange(was_retried_, true) && Acquire(/*fresh=*/true)) {
    return;
  }
  Tell(Answer::Network(std::string(http::grpc::FromReset(reason).message())));
}

}  // namespace sluice::upstream::health
