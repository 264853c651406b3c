#include "proxy/net/connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace sluice::net {
namespace {

// Pieces of one gathering write. A large queue has large slices, so more would gain nothing.
constexpr int kGather = 16;

}  // namespace

BlockRef& IoContext::Scratch() {
  if (!scratch_ || scratch_.is_shared()) {
    scratch_ = pool.Take(BlockSize::k64K);
    // Nobody may write behind what is read into it.
    scratch_->used = scratch_->capacity;
  }
  return scratch_;
}

Connection::Connection(IoContext& io, Fd fd, event::Phase phase, Owner& owner, bool connecting)
    : io_(io), owner_(owner), fd_(std::move(fd)), phase_(phase), connecting_(connecting) {}

Connection::~Connection() { Close(); }

absl::Status Connection::Register() { return io_.loop.Add(fd_.get(), *this); }

ReadResult Connection::Read(char* out, size_t size) {
  const ssize_t n = recv(fd_.get(), out, size, 0);
  if (n > 0) {
    // A short read proves that the socket is empty, unless the end follows the data.
    if (static_cast<size_t>(n) < size && !peer_closed_) readable_ = false;
    return {ReadStatus::kData, static_cast<size_t>(n)};
  }
  if (n == 0) return {ReadStatus::kEnd};
  if (errno == EAGAIN || errno == EINTR) {
    readable_ = errno == EINTR;
    return {ReadStatus::kWouldBlock};
  }
  return {ReadStatus::kError};
}

void Connection::FlushSoon() {
  if (out_.size() >= kHighWater) was_above_ = true;
  if (writable_ && !connecting_) io_.loop.Schedule(*this, phase_);
}

void Connection::ShutdownWrite() { shutdown(fd_.get(), SHUT_WR); }

void Connection::Close(bool abort) {
  if (!fd_.is_open()) return;
  Unschedule();
  io_.loop.Remove(fd_.get());
  if (abort) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  }
  fd_.Close();
  out_.Clear();
  readable_ = false;
}

void Connection::OnEvents(uint32_t events) {
  if (connecting_) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    connecting_ = false;
    const int error = ConnectError(fd_.get());
    if (error == 0 && !out_.empty()) FlushSoon();
    owner_.OnConnected(error);
    if (!fd_.is_open() || error != 0) return;
  }
  if (events & EPOLLOUT) {
    writable_ = true;
    if (!out_.empty()) FlushSoon();
  }
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) {
    readable_ = true;
    if (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) peer_closed_ = true;
    if (events & (EPOLLERR | EPOLLHUP)) failed_ = true;
    owner_.OnReadable();
  }
}

void Connection::Flush() {
  if (write_failed_) out_.Clear();
  while (!out_.empty()) {
    iovec pieces[kGather];
    const int count = out_.Gather(pieces, kGather);
    ssize_t n;
    if (count == 1) {
      n = send(fd_.get(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = pieces;
      message.msg_iovlen = count;
      n = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    }
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        writable_ = false;
        break;
      }
      write_failed_ = true;
      const int error = errno;
      out_.Clear();
      owner_.OnWriteError(error);
      return;
    }
    bytes_sent_ += static_cast<uint64_t>(n);
    size_t offered = 0;
    for (int i = 0; i < count; ++i) offered += pieces[i].iov_len;
    out_.Drain(static_cast<size_t>(n));
    if (static_cast<size_t>(n) < offered) {
      writable_ = false;
      break;
    }
  }
  const bool has_room = was_above_ && out_.size() <= kLowWater;
  const bool is_empty = tell_when_empty_ && out_.empty();
  if (!has_room && !is_empty) return;
  was_above_ = false;
  tell_when_empty_ = false;
  owner_.OnWriteRoom();
}

}  // namespace sluice::net
