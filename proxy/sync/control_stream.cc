#include "proxy/sync/control_stream.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proxy/http/grpc/status.h"

namespace sluice::sync {
namespace {

constexpr absl::string_view kPath = "/sluice.v1.ConfigStream/Sync";

// A stream of updates wants to be fast on a long way, and its reader is paused by the message: the
// windows of upstream connections, which share memory between clients, are smaller.
http::h2::ClientConnection::Options ConnectionOptions(bool is_secure) {
  http::h2::ClientConnection::Options options;
  options.scheme = is_secure ? "https" : "http";
  options.max_streams = 1;
  options.stream_window = 1024 * 1024;
  options.connection_window = 2 * 1024 * 1024;
  options.ping_after = ControlStream::kPingAfter;
  options.ping_timeout = ControlStream::kPingTimeout;
  return options;
}

// "[::1]:9400" is of "::1".
std::string HostOf(absl::string_view authority) {
  absl::string_view host = authority.substr(0, authority.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return std::string(host);
}

}  // namespace

ControlStream::ControlStream(net::IoContext& io, Events& events)
    : io_(io),
      events_(events),
      call_(io, *this, http::grpc::BidiCall::Options()),
      timer_(io.loop.timers(), &event::Timer::Call<ControlStream, &ControlStream::OnTimeout>,
             this) {}

ControlStream::~ControlStream() = default;

absl::Status ControlStream::Start(const net::Address& address, const std::string& authority,
                                  const Secure& secure) {
  authority_ = authority;
  absl::StatusOr<net::Fd> fd = net::StartConnect(address);
  if (!fd.ok()) return fd.status();
  absl::StatusOr<net::Transport> transport = net::Transport(*std::move(fd));
  if (secure != nullptr) {
    transport = secure(std::move(transport->fd), HostOf(authority));
    if (!transport.ok()) return transport.status();
  }
  http::h2::ClientConnection::Owner& owner = *this;
  connection_.emplace(io_, *std::move(transport), /*connecting=*/true, owner,
                      ConnectionOptions(secure != nullptr));
  if (absl::Status status = connection_->Start(); !status.ok()) return status;
  timer_.SetAt(io_.loop.now_ns() + absl::ToInt64Nanoseconds(kConnectTimeout));
  return absl::OkStatus();
}

void ControlStream::OnConnected() {
  is_connected_ = true;
  timer_.SetAt(io_.loop.now_ns() + absl::ToInt64Nanoseconds(kWelcomeTimeout));
  if (!call_.Start(*connection_, authority_, kPath)) {
    return Finish(absl::UnavailableError("the connection takes no stream"));
  }
  call_.Send(events_.Hello());
}

void ControlStream::OnTimeout() {
  if (end_.has_value()) return Finish(*end_);
  Finish(absl::DeadlineExceededError(is_connected_ ? "no welcome in time"
                                                   : "connecting took too long"));
}

void ControlStream::End(absl::Status why) {
  if (has_ended_ || end_.has_value()) return;
  end_ = std::move(why);
  timer_.SetAt(io_.loop.now_ns());
}

void ControlStream::OnClosed(http::ResetReason reason) {
  if (const absl::string_view failure = connection_->tls_failure(); !failure.empty()) {
    return Finish(absl::UnavailableError(absl::StrCat("TLS: ", failure)));
  }
  if (reason == http::ResetReason::kConnectFailed) {
    return Finish(
        absl::UnavailableError(std::generic_category().message(connection_->connect_error())));
  }
  // A call that was under way has been told before.
  Finish(http::grpc::FromReset(reason));
}

void ControlStream::OnSendRoom() {
  if (!has_ended_) events_.OnSendRoom();
}

void ControlStream::OnFinished(const absl::Status& status) {
  // The call ends with its connection; why that did says more.
  if (!connection_->tls_failure().empty()) return;
  Finish(status.ok() ? absl::UnavailableError("the control plane ended the stream") : status);
}

void ControlStream::OnMessage(std::string message) {
  if (has_ended_ || end_.has_value()) return;
  absl::StatusOr<ControlMessage> decoded = DecodeControlMessage(message);
  if (!decoded.ok()) return Finish(decoded.status());
  if (auto* backoff = std::get_if<Backoff>(&*decoded)) {
    retry_after_ = backoff->retry_after;
    return Finish(absl::UnavailableError(
        backoff->reason.empty() ? "the control plane asked to come back later" : backoff->reason));
  }
  if (!is_welcome_) return OnFirst(*decoded);
  Tell(*std::move(decoded));
}

void ControlStream::OnFirst(const ControlMessage& message) {
  const auto* welcome = std::get_if<Welcome>(&message);
  if (welcome == nullptr) {
    return Finish(absl::InvalidArgumentError("the first message is no Welcome"));
  }
  is_welcome_ = true;
  timer_.Cancel();
  events_.OnWelcome(*welcome);
}

void ControlStream::Tell(ControlMessage message) {
  if (auto* part = std::get_if<UpdatePart>(&message)) {
    part->received_at_ns = io_.loop.now_ns();
    return events_.OnUpdatePart(std::move(*part));
  }
  if (auto* query = std::get_if<Query>(&message)) events_.OnQuery(*query);
}

void ControlStream::Finish(const absl::Status& why) {
  if (std::exchange(has_ended_, true)) return;
  timer_.Cancel();
  events_.OnEnded(why, retry_after_);
}

}  // namespace sluice::sync
