#include "proxy/server/handover/predecessor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace sluice::server::handover {
namespace {

// A message that the other side does not take holds up the control thread: for no longer than this.
constexpr timeval kSendTimeout{.tv_sec = 2, .tv_usec = 0};

void Refuse(int socket, absl::string_view why) {
  Send(socket, absl::StrCat(kRefused, " ", why)).IgnoreError();
}

}  // namespace

Predecessor::Predecessor(event::Loop& loop, net::Fd listening, Owner& owner)
    : loop_(loop),
      owner_(owner),
      acceptor_(loop, std::move(listening), *this),
      timer_(loop.timers(), &event::Timer::Call<Predecessor, &Predecessor::OnTimeout>, this) {}

Predecessor::~Predecessor() { Close(); }

void Predecessor::Close() {
  acceptor_.Close();
  if (successor_.is_open()) Send(successor_.get(), kRevoked).IgnoreError();
  Forget();
}

void Predecessor::Forget() {
  timer_.Cancel();
  if (successor_.is_open()) loop_.Remove(successor_.get());
  successor_.Close();
  // The owner goes on preparing, and is heard to the end before another comes.
  if (state_ == State::kHanded) state_ = State::kWaiting;
}

void Predecessor::OnAccept(net::Fd fd, const net::Address&) {
  const absl::StatusOr<Peer> peer = PeerOf(fd.get());
  // The file's mode lets nobody else in; whoever it is does not get the keys.
  if (!peer.ok() || peer->uid != geteuid()) return;
  if (state_ != State::kWaiting || successor_.is_open()) {
    return Refuse(fd.get(), "another process is taking over already");
  }
  // What is written waits for the reader; what is read is there, or is not.
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof(kSendTimeout));
  successor_ = std::move(fd);
  successor_pid_ = peer->pid;
  if (!loop_.Add(successor_.get(), *this, EPOLLIN).ok()) return successor_.Close();
  timer_.SetAt(loop_.now_ns() + kPatienceNs);
}

void Predecessor::OnEvents(uint32_t) {
  absl::StatusOr<std::optional<Packet>> packet = Receive(successor_.get());
  if (!packet.ok()) return GiveUp(std::string(packet.status().message()));
  if (!packet->has_value()) return GiveUp("it is gone");
  OnPacket((*packet)->text);
}

void Predecessor::OnPacket(const std::string& text) {
  if (state_ == State::kWaiting && absl::StartsWith(text, "takeover ")) {
    if (text != kTakeover) {
      Refuse(successor_.get(), "this build hands over in another way");
      return Forget();
    }
    LOG(INFO) << "process " << successor_pid_ << " takes over: handing it everything";
    state_ = State::kPreparing;
    return owner_.PrepareToLeave(
        [this](absl::StatusOr<Inheritance> inheritance) { HandOver(std::move(inheritance)); });
  }
  if (state_ == State::kHanded && text == kServing) {
    state_ = State::kLeft;
    Send(successor_.get(), kYours).IgnoreError();
    acceptor_.Close();
    const int pid = successor_pid_;
    Forget();
    owner_.Leave(pid);
  }
}

void Predecessor::HandOver(absl::StatusOr<Inheritance> inheritance) {
  state_ = State::kWaiting;
  const bool is_gone = !successor_.is_open();
  if (!inheritance.ok()) {
    LOG(WARNING) << "not handing over: " << inheritance.status().message();
    if (is_gone) return;
    Refuse(successor_.get(), inheritance.status().message());
    return Forget();
  }
  // It went away meanwhile.
  if (is_gone) return owner_.Stay();
  state_ = State::kHanded;
  const absl::Status status = SendInheritance(successor_.get(), *inheritance);
  if (!status.ok()) GiveUp(std::string(status.message()));
}

void Predecessor::OnTimeout() { GiveUp("it does not serve in time"); }

void Predecessor::GiveUp(const std::string& why) {
  const State before = state_;
  if (before != State::kWaiting) {
    LOG(WARNING) << "process " << successor_pid_ << " does not take over: " << why
                 << "; this one goes on";
  }
  Send(successor_.get(), kRevoked).IgnoreError();
  Forget();
  // While it prepares, HandOver() comes.
  if (before == State::kHanded) owner_.Stay();
}

}  // namespace sluice::server::handover
