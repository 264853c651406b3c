#include "tools/bench/hairpin/transport.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::hairpin {
namespace {

void SetOption(int fd, int level, int name) {
  const int on = 1;
  setsockopt(fd, level, name, &on, sizeof on);
}

ssize_t Outcome(ssize_t result) {
  if (result >= 0) return result;
  return errno == EAGAIN || errno == EINTR ? Transport::kBlocked : Transport::kFailed;
}

}  // namespace

absl::StatusOr<sockaddr_in> ParseAddress(absl::string_view text) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(text.substr(colon + 1), &port) ||
      port > 65535 ||
      inet_pton(AF_INET, std::string(text.substr(0, colon)).c_str(), &address.sin_addr) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be an address such as 127.0.0.1:8080, got \"", text, "\""));
  }
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

absl::StatusOr<int> Listen(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 4096) != 0) {
    const absl::Status status = absl::FailedPreconditionError(
        absl::StrCat("cannot listen on port ", ntohs(address.sin_port), ": ", strerror(errno)));
    close(fd);
    return status;
  }
  return fd;
}

Transport::Transport(int connected_fd) : fd_(connected_fd) {
  SetOption(fd_, IPPROTO_TCP, TCP_NODELAY);
}

bool Transport::Connect(const sockaddr_in& target, uint32_t source, TlsClient* tls, Loop& loop,
                        Source& owner) {
  Close();
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  SetOption(fd_, IPPROTO_TCP, TCP_NODELAY);
  if (source != 0) {
    // The port is chosen by connect(), when the whole four-tuple is known: else 28,000 ports would
    // be all that there are.
    SetOption(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    sockaddr_in from = {};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(source);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) return false;
  }
  loop.Add(fd_, owner);
  if (tls != nullptr) {
    tls_ = tls;
    ssl_ = tls->Begin(fd_);
    has_handshaken_ = false;
  }
  return connect(fd_, reinterpret_cast<const sockaddr*>(&target), sizeof target) == 0 ||
         errno == EINPROGRESS;
}

void Transport::Close() {
  ssl_.reset();
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

ssize_t Transport::Send(absl::string_view data) {
  if (ssl_ == nullptr) return Outcome(send(fd_, data.data(), data.size(), MSG_NOSIGNAL));
  return OutcomeOfTls(SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size())));
}

ssize_t Transport::Receive(char* buffer, size_t size) {
  if (ssl_ == nullptr) return Outcome(recv(fd_, buffer, size, 0));
  return OutcomeOfTls(SSL_read(ssl_.get(), buffer, static_cast<int>(size)));
}

ssize_t Transport::OutcomeOfTls(int result) {
  if (!has_handshaken_ && !SSL_in_init(ssl_.get())) {
    has_handshaken_ = true;
    tls_->NoteHandshake(ssl_.get());
  }
  if (result > 0) return result;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return kBlocked;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_SYSCALL:
      return result == 0 ? 0 : kFailed;
    default:
      return kFailed;
  }
}

}  // namespace sluice::hairpin
