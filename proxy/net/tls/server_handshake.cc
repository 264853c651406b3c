#include "proxy/net/tls/server_handshake.h"

#include <utility>

#include "base/status_macros.h"

namespace sluice::net::tls {

ServerHandshake::ServerHandshake(IoContext& io, Transport accepted, const Address& peer,
                                 std::shared_ptr<const ServerContext> context, int64_t timeout_ns,
                                 Owner& owner)
    : io_(io),
      owner_(owner),
      context_(std::move(context)),
      peer_(peer),
      timeout_ns_(timeout_ns),
      transport_(std::move(accepted)),
      timer_(io.loop.timers(), &event::Timer::Call<ServerHandshake, &ServerHandshake::OnTimeout>,
             this) {
  transport_.secure = context_->NewSession(io);
}

ServerHandshake::~ServerHandshake() {
  if (transport_.fd.is_open() && is_registered_) io_.loop.Remove(transport_.fd.get());
}

absl::Status ServerHandshake::Start() {
  RETURN_IF_ERROR(io_.loop.Add(transport_.fd.get(), *this));
  is_registered_ = true;
  timer_.SetAt(io_.loop.now_ns() + timeout_ns_);
  return absl::OkStatus();
}

void ServerHandshake::OnEvents(uint32_t events) {
  bool readable = (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
  switch (DriveHandshake(io_, transport_.fd.get(), *transport_.secure, readable)) {
    case SecureLayer::Progress::kNeedsInput:
      return;
    case SecureLayer::Progress::kFailed:
      return Fail(transport_.secure->failure().empty() ? "closed" : transport_.secure->failure());
    case SecureLayer::Progress::kDone:
      break;
  }
  timer_.Cancel();
  io_.loop.Remove(transport_.fd.get(), /*keeps_open=*/true);
  owner_.OnHandshakeDone(*this, std::move(transport_));
}

void ServerHandshake::OnTimeout() { Fail("timeout"); }

void ServerHandshake::Fail(absl::string_view reason) {
  timer_.Cancel();
  io_.loop.Remove(transport_.fd.get());
  transport_.fd.Close();
  owner_.OnHandshakeFailed(*this, reason);
}

}  // namespace sluice::net::tls
