#include "proxy/net/connection.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status_macros.h"

namespace sluice::net {
namespace {

// Pieces of one gathering write. A large queue has large slices, so more would gain nothing.
constexpr int kGather = 64;
// What is encrypted for one system call.
constexpr size_t kSealAtOnce = 64 * 1024;
// A read that brought so much is followed by more, as a rule.
constexpr size_t kBulkBytes = 32 * 1024;
// Less is copied as fast as it is spliced, and then one read takes it all.
constexpr uint64_t kWorthPiping = 64 * 1024;

void Count(std::atomic<uint64_t>& counter, ssize_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + static_cast<uint64_t>(n),
                std::memory_order_relaxed);
}

bool HasInput(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) != 0 || bytes > 0;
}

// What splice() says of itself, rather than of the socket.
bool IsOfPipes(int error) {
  return error == EINVAL || error == ENOSYS || error == EPERM || error == EBADF || error == ENOMEM;
}

}  // namespace

BlockRef& IoContext::Scratch() {
  if (!scratch_ || scratch_.is_shared()) {
    scratch_ = pool.Take(BlockSize::k64K);
    // Nobody may write behind what is read into it.
    scratch_->used = scratch_->capacity;
  }
  return scratch_;
}

char* IoContext::Staging() {
  if (!staging_) staging_ = pool.Take(BlockSize::k64K);
  return staging_->data();
}

SecureLayer::Progress DriveHandshake(IoContext& io, int fd, SecureLayer& secure, bool& readable) {
  SecureLayer::Progress progress = secure.Handshake({});
  for (;;) {
    Buffer& wire = secure.wire();
    const bool must_send = progress != SecureLayer::Progress::kDone || secure.is_wire_urgent();
    while (must_send && !wire.empty()) {
      const absl::string_view front = wire.Front();
      const ssize_t n = send(fd, front.data(), front.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      // What does not fit now goes with the next step; an error will be found by reading.
      if (n <= 0) break;
      wire.Drain(static_cast<size_t>(n));
    }
    if (progress != SecureLayer::Progress::kNeedsInput) return progress;
    if (!readable) return progress;
    char* const staging = io.Staging();
    const ssize_t n = recv(fd, staging, IoContext::kScratchBytes, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      readable = false;
      return progress;
    }
    if (n <= 0) return SecureLayer::Progress::kFailed;
    progress = secure.Handshake(absl::string_view(staging, static_cast<size_t>(n)));
  }
}

Connection::Connection(IoContext& io, Transport transport, event::Phase phase, Owner& owner,
                       bool connecting)
    : io_(io),
      owner_(owner),
      secure_(std::move(transport.secure)),
      proxy_header_(std::move(transport.proxy_header)),
      fd_(std::move(transport.fd)),
      phase_(phase),
      connecting_(connecting) {}

Connection::~Connection() { Close(); }

void Connection::SendFirst(absl::string_view bytes) {
  (secure_ == nullptr ? out_ : secure_->wire()).AppendCopy(io_.pool, bytes);
}

absl::Status Connection::Register() {
  RETURN_IF_ERROR(io_.loop.Add(fd_.get(), *this));
  if (secure_ == nullptr || connecting_) return absl::OkStatus();
  // No event will tell of what the handshake has read already.
  tells_readable_ = secure_->holds_input();
  if (tells_readable_) io_.loop.Schedule(*this, event::Phase::kReady);
  if (!is_flushed() && secure_->is_wire_urgent()) FlushSoon();
  return absl::OkStatus();
}

ReadResult Connection::Read(char* out, size_t size) {
  if (secure_ != nullptr) [[unlikely]]
    return ReadSecure(out, size);
  const ReadResult result = Receive(out, size);
  if (result.status == ReadStatus::kData) is_bulk_ = result.bytes >= kBulkBytes;
  // A short read proves that the socket is empty, unless the end follows the data.
  if (result.status == ReadStatus::kData && result.bytes < size && !peer_closed_) {
    readable_ = false;
  } else if (result.status == ReadStatus::kWouldBlock) {
    readable_ = errno == EINTR;
  }
  return result;
}

std::optional<ReadResult> Connection::ReadPiped(uint64_t max, Buffer& out) {
  if (secure_ != nullptr || !is_bulk_ || max <= kWorthPiping || io_.pool.is_tight()) {
    return std::nullopt;
  }
  BlockRef block = io_.pool.TakePipe();
  if (!block) return std::nullopt;
  Pipe& pipe = block->pipe();
  const size_t size = std::min<uint64_t>(max, pipe.capacity());
  const ssize_t n = pipe.FillFrom(fd_.get(), size);
  if (n == 0) return ReadResult{ReadStatus::kEnd};
  if (n < 0) {
    // Nothing is there, or nothing for pipes, such as urgent data: Read() tells.
    is_bulk_ = false;
    if (errno == EAGAIN) return std::nullopt;
    if (!IsOfPipes(errno)) return ReadResult{ReadStatus::kError};
    io_.pool.RefusePipes();
    return std::nullopt;
  }
  const auto bytes = static_cast<size_t>(n);
  if (traffic_ != nullptr) Count(*traffic_->received, n);
  is_bulk_ = bytes >= kBulkBytes;
  // A pipe is also full when it has no place for another piece, however small: only the socket
  // knows whether it is empty.
  if (bytes < size && !peer_closed_) readable_ = HasInput(fd_.get());
  out.AppendPipe(std::move(block));
  return ReadResult{ReadStatus::kData, bytes};
}

ReadResult Connection::Receive(char* out, size_t size) {
  const ssize_t n = recv(fd_.get(), out, size, 0);
  if (n > 0) {
    if (traffic_ != nullptr) Count(*traffic_->received, n);
    return {ReadStatus::kData, static_cast<size_t>(n)};
  }
  if (n == 0) return {ReadStatus::kEnd};
  return {errno == EAGAIN || errno == EINTR ? ReadStatus::kWouldBlock : ReadStatus::kError};
}

ReadResult Connection::ReadSecure(char* out, size_t size) {
  ReadResult result{ReadStatus::kWouldBlock};
  if (secure_->holds_input()) result = secure_->Open({}, out, size);
  while (result.status == ReadStatus::kWouldBlock && wire_readable_) {
    char* const staging = io_.Staging();
    const ReadResult received = Receive(staging, IoContext::kScratchBytes);
    if (received.status == ReadStatus::kWouldBlock) {
      wire_readable_ = errno == EINTR;
      continue;
    }
    // An end that the peer did not announce in its own words may be an attacker's.
    if (received.status != ReadStatus::kData) return {ReadStatus::kError};
    if (received.bytes < IoContext::kScratchBytes && !peer_closed_) wire_readable_ = false;
    result = secure_->Open(absl::string_view(staging, received.bytes), out, size);
  }
  readable_ = wire_readable_ || secure_->holds_input();
  // An alert, or an answer to the peer's new keys.
  if (!secure_->wire().empty()) FlushSoon();
  return result;
}

void Connection::FlushSoon() {
  if (writable_ && !connecting_) io_.loop.Schedule(*this, phase_);
}

void Connection::TellWhenEmpty() {
  tell_when_empty_ = true;
  // What the handshake left unsent waits for company; there will be none.
  if (out_.empty()) FlushSoon();
}

void Connection::ShutdownWrite() {
  if (secure_ != nullptr && !write_failed_) {
    secure_->SealEnd();
    while (!secure_->wire().empty() && SendOnce(secure_->wire())) {
    }
  }
  shutdown(fd_.get(), SHUT_WR);
}

void Connection::Close(bool abort) {
  if (!fd_.is_open()) return;
  Unschedule();
  if (secure_ != nullptr && !connecting_ && !abort && !failed_ && !write_failed_ && is_flushed()) {
    // Whoever reads until the end wants to know that it is the real one. It may have been told.
    secure_->SealEnd();
    if (!secure_->wire().empty()) SendOnce(secure_->wire());
  }
  io_.loop.Remove(fd_.get());
  if (abort) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  }
  fd_.Close();
  out_.Clear();
  if (secure_ != nullptr) secure_->wire().Clear();
  readable_ = false;
}

bool Connection::OnConnecting(uint32_t events) {
  if (!handshaking_) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return false;
    const int error = ConnectError(fd_.get());
    handshaking_ = secure_ != nullptr && error == 0;
    if (!handshaking_) {
      connecting_ = false;
      if (error == 0 && !out_.empty()) FlushSoon();
      owner_.OnConnected(error);
      return fd_.is_open() && error == 0;
    }
  }
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) wire_readable_ = true;
  return OnHandshake();
}

bool Connection::OnHandshake() {
  const SecureLayer::Progress progress = DriveHandshake(io_, fd_.get(), *secure_, wire_readable_);
  if (progress == SecureLayer::Progress::kNeedsInput) return false;
  connecting_ = handshaking_ = false;
  if (progress == SecureLayer::Progress::kFailed) {
    owner_.OnConnected(EPROTO);
    return false;
  }
  // Its last words go together with the first of the owner's.
  if (!is_flushed()) FlushSoon();
  owner_.OnConnected(0);
  return fd_.is_open();
}

Transport Connection::Release() {
  Unschedule();
  io_.loop.Remove(fd_.get(), /*keeps_open=*/true);
  readable_ = false;
  Transport transport(std::move(fd_));
  transport.proxy_header = std::move(proxy_header_);
  return transport;
}

void Connection::OnEvents(uint32_t events) {
  if (connecting_) {
    if (!OnConnecting(events)) return;
    // What the handshake left is to be read, whatever this event says.
    if (secure_ != nullptr && (wire_readable_ || secure_->holds_input())) events |= EPOLLIN;
  }
  if (events & EPOLLOUT) {
    const bool was_blocked = !writable_;
    writable_ = true;
    if (was_blocked && !is_flushed()) FlushSoon();
  }
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) {
    readable_ = wire_readable_ = true;
    if (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) peer_closed_ = true;
    if (events & (EPOLLERR | EPOLLHUP)) failed_ = true;
    owner_.OnReadable();
  }
}

void Connection::Run() {
  if (tells_readable_) {
    tells_readable_ = false;
    readable_ = true;
    owner_.OnReadable();
    if (!fd_.is_open()) return;
  }
  Flush();
}

bool Connection::SendOnce(Buffer& bytes) {
  iovec pieces[kGather];
  const int count = bytes.Gather(pieces, kGather);
  if (count == 0) return SendPipe(bytes);
  ssize_t n;
  do {
    if (count == 1) {
      n = send(fd_.get(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = pieces;
      message.msg_iovlen = count;
      n = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    }
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    writable_ = false;
    write_failed_ = errno != EAGAIN;
    return false;
  }
  bytes_sent_ += static_cast<uint64_t>(n);
  if (traffic_ != nullptr) Count(*traffic_->sent, n);
  size_t offered = 0;
  for (int i = 0; i < count; ++i) offered += pieces[i].iov_len;
  bytes.Drain(static_cast<size_t>(n));
  if (static_cast<size_t>(n) == offered) return true;
  writable_ = false;
  return false;
}

bool Connection::SendPipe(Buffer& bytes) {
  const ssize_t n = bytes.SendFrontPipe(fd_.get());
  if (n <= 0) {
    writable_ = false;
    write_failed_ = n == 0 || errno != EAGAIN;
    return false;
  }
  bytes_sent_ += static_cast<uint64_t>(n);
  if (traffic_ != nullptr) Count(*traffic_->sent, n);
  return true;
}

bool Connection::FailWrite(int error) {
  write_failed_ = true;
  out_.Clear();
  if (secure_ != nullptr) secure_->wire().Clear();
  owner_.OnWriteError(error);
  return false;
}

bool Connection::SendPlain() {
  while (!out_.empty()) {
    if (SendOnce(out_)) continue;
    return write_failed_ ? FailWrite(errno) : true;
  }
  return true;
}

bool Connection::SendSecure() {
  Buffer& wire = secure_->wire();
  while (!is_flushed()) {
    if (wire.size() < kSealAtOnce / 2 && !secure_->Seal(out_, kSealAtOnce))
      return FailWrite(EPROTO);
    if (SendOnce(wire)) continue;
    return write_failed_ ? FailWrite(errno) : true;
  }
  return true;
}

void Connection::Flush() {
  if (write_failed_) {
    out_.Clear();
    if (secure_ != nullptr) secure_->wire().Clear();
  }
  if (!(secure_ == nullptr ? SendPlain() : SendSecure())) return;
  // Who waits for the last byte must not take room for it: what is left would be lost.
  const bool is_due =
      tell_when_empty_ ? is_flushed() : owes_room_ && out_.size() <= high_water() / 2;
  if (!is_due) return;
  owes_room_ = false;
  tell_when_empty_ = false;
  owner_.OnWriteRoom();
}

}  // namespace sluice::net
