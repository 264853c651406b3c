#include "proxy/server/handover/successor.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <utility>

#include "base/log.h"
#include "base/status_macros.h"

namespace sluice::server::handover {

absl::StatusOr<std::unique_ptr<Successor>> Successor::Take(net::Fd connected,
                                                           int patience_seconds) {
  const timeval patience{.tv_sec = patience_seconds, .tv_usec = 0};
  setsockopt(connected.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::unique_ptr<Successor> successor(new Successor(std::move(connected)));
  const int fd = successor->fd_.get();
  // Refused before it is read: the reason is there all the same.
  Send(fd, kTakeover).IgnoreError();
  while (true) {
    ASSIGN_OR_RETURN(std::optional<Packet> packet, Receive(fd));
    if (!packet.has_value()) return absl::UnavailableError("handover: the other side is gone");
    ASSIGN_OR_RETURN(const bool is_whole, TakePacket(*std::move(packet), successor->inheritance_));
    if (is_whole) return successor;
  }
}

Successor::~Successor() {
  if (fd_.is_open() && loop_ != nullptr) loop_->Remove(fd_.get());
}

absl::Status Successor::Start(event::Loop& loop, Owner& owner) {
  loop_ = &loop;
  owner_ = &owner;
  return loop.Add(fd_.get(), *this, EPOLLIN);
}

void Successor::Confirm() {
  has_confirmed_ = true;
  if (is_gone_) return owner_->OnYours();
  // Whether it was heard shows in what comes, even if that is only the end.
  Send(fd_.get(), kServing).IgnoreError();
}

void Successor::OnEvents(uint32_t) {
  const absl::StatusOr<std::optional<Packet>> packet = Receive(fd_.get());
  if (!packet.ok() || !packet->has_value()) return OnGone();
  const std::string& text = (*packet)->text;
  if (text != kYours && text != kRevoked) return;
  const bool is_yours = text == kYours;
  loop_->Remove(fd_.get());
  fd_.Close();
  is_yours ? owner_->OnYours() : owner_->OnRevoked();
}

void Successor::OnGone() {
  LOG(WARNING) << "the process that was to be succeeded is gone";
  is_gone_ = true;
  loop_->Remove(fd_.get());
  fd_.Close();
  if (has_confirmed_) owner_->OnYours();
}

}  // namespace sluice::server::handover
