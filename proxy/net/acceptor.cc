#include "proxy/net/acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::net {
namespace {

// Connections taken in one turn at most, so that those already open are not kept waiting.
constexpr int kMostAccepts = 64;
// Full turns in a row before more are tried in one.
constexpr int kLeastPatience = 4;
constexpr int kMostPatience = 64;
constexpr int64_t kPauseNs = 100'000'000;

Fd OpenReserve() { return Fd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

bool IsExhaustion(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Acceptor::Acceptor(event::Loop& loop, Fd fd, Owner& owner, bool is_shared)
    : loop_(loop),
      owner_(owner),
      fd_(std::move(fd)),
      reserve_(OpenReserve()),
      is_shared_(is_shared),
      patience_(kLeastPatience),
      resume_timer_(loop.timers(), &event::Timer::Call<Acceptor, &Acceptor::Resume>, this) {}

Acceptor::~Acceptor() { Close(); }

absl::Status Acceptor::Start() { return Watch(); }

absl::Status Acceptor::Watch() {
  // Level-triggered: what one turn leaves in the queue is told again in the next.
  const uint32_t exclusive = is_shared_ ? uint32_t{EPOLLEXCLUSIVE} : 0;
  const absl::Status status = loop_.Add(fd_.get(), *this, EPOLLIN | exclusive);
  is_watched_ = status.ok();
  return status;
}

void Acceptor::LookAway() {
  if (std::exchange(is_watched_, false)) loop_.Remove(fd_.get(), /*keeps_open=*/true);
}

void Acceptor::Close() {
  resume_timer_.Cancel();
  LookAway();
  fd_.Close();
}

Acceptor::Accepted Acceptor::Accept() {
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  Fd fd(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &length,
                SOCK_NONBLOCK | SOCK_CLOEXEC));
  const bool is_open = fd.is_open();
  return {std::move(fd), is_open ? Address::FromSockaddr(storage) : Address()};
}

void Acceptor::Finish() {
  for (Accepted next = Accept(); next.fd.is_open(); next = Accept()) {
    owner_.OnAccept(std::move(next.fd), next.peer);
  }
  Close();
}

void Acceptor::OnEvents(uint32_t) {
  for (int i = 0; i < batch_; ++i) {
    Accepted accepted = Accept();
    if (!accepted.fd.is_open()) {
      if (IsExhaustion(errno)) return Shed();
      if (errno == EAGAIN) {
        batch_ = std::max(1, i);
        full_batches_ = 0;
        patience_ = std::min(patience_ * 2, kMostPatience);
        return;
      }
      continue;  // ECONNABORTED and the like are of that one connection.
    }
    owner_.OnAccept(std::move(accepted.fd), accepted.peer);
    if (!fd_.is_open()) return;
  }
  if (batch_ > 1) patience_ = kLeastPatience;
  if (++full_batches_ < patience_) return;
  full_batches_ = 0;
  batch_ = std::min(batch_ * 2, kMostAccepts);
}

void Acceptor::Shed() {
  if (reserve_.is_open()) {
    reserve_.Close();
    Fd waiting(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    // The kernel looks for a descriptor first: its complaint does not say that somebody waits.
    const bool is_empty = !waiting.is_open() && errno == EAGAIN;
    waiting.Close();
    reserve_ = OpenReserve();
    if (is_empty) return;
  }
  // Not by changing the events: the kernel allows that only for what one loop alone watches.
  LookAway();
  resume_timer_.SetAt(loop_.now_ns() + kPauseNs);
  owner_.OnShed();
}

void Acceptor::SetPaused(bool is_paused) {
  is_paused_ = is_paused;
  if (is_paused) return LookAway();
  if (fd_.is_open() && !is_watched_ && !resume_timer_.is_set()) Resume();
}

void Acceptor::Resume() {
  if (is_paused_) return;
  if (!reserve_.is_open()) reserve_ = OpenReserve();
  if (!Watch().ok()) resume_timer_.SetAt(loop_.now_ns() + kPauseNs);
}

}  // namespace sluice::net
