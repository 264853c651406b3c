#include "proxy/net/tls/server_handshake.h"

#include <utility>

#include "base/status_macros.h"

namespace sluice::net::tls {

ServerHandshake::ServerHandshake(IoContext& io, Fd fd, const Address& peer,
                                 std::shared_ptr<const ServerContext> context, int64_t timeout_ns,
                                 Owner& owner)
    : io_(io),
      owner_(owner),
      context_(std::move(context)),
      peer_(peer),
      timeout_ns_(timeout_ns),
      fd_(std::move(fd)),
      layer_(context_->NewSession(io)),
      timer_(io.loop.timers(), &event::Timer::Call<ServerHandshake, &ServerHandshake::OnTimeout>,
             this) {}

ServerHandshake::~ServerHandshake() {
  if (fd_.is_open() && is_registered_) io_.loop.Remove(fd_.get());
}

absl::Status ServerHandshake::Start() {
  RETURN_IF_ERROR(io_.loop.Add(fd_.get(), *this));
  is_registered_ = true;
  timer_.SetAt(io_.loop.now_ns() + timeout_ns_);
  return absl::OkStatus();
}

void ServerHandshake::OnEvents(uint32_t events) {
  bool readable = (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
  switch (DriveHandshake(io_, fd_.get(), *layer_, readable)) {
    case SecureLayer::Progress::kNeedsInput:
      return;
    case SecureLayer::Progress::kFailed:
      return Fail(layer_->failure().empty() ? "closed" : layer_->failure());
    case SecureLayer::Progress::kDone:
      break;
  }
  timer_.Cancel();
  io_.loop.Remove(fd_.get(), /*keeps_open=*/true);
  owner_.OnHandshakeDone(*this, Transport(std::move(fd_), std::move(layer_)));
}

void ServerHandshake::OnTimeout() { Fail("timeout"); }

void ServerHandshake::Fail(absl::string_view reason) {
  timer_.Cancel();
  io_.loop.Remove(fd_.get());
  fd_.Close();
  owner_.OnHandshakeFailed(*this, reason);
}

}  // namespace sluice::net::tls
