#include "proxy/net/socket.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace sluice::net {
namespace {

absl::Status BindError(const Address& address, int error) {
  const std::string text = absl::StrCat(address.ToString(), ": ", std::strerror(error));
  if (error == EADDRINUSE) return absl::AlreadyExistsError(text);
  if (error == EACCES) return absl::PermissionDeniedError(text);
  return absl::FailedPreconditionError(text);
}

void SetOption(int fd, int level, int option, int value) {
  // Only tuning goes through here: a kernel that refuses it still works.
  setsockopt(fd, level, option, &value, sizeof(value));
}

// -1 if there is no such socket.
int GetOption(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

absl::StatusOr<Fd> Bind(const Address& address, bool reuse_port) {
  Fd fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return BindError(address, errno);
  SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (reuse_port) SetOption(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (address.family() == AF_INET6) SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  sockaddr_storage storage;
  const socklen_t length = address.ToSockaddr(storage);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) {
    return BindError(address, errno);
  }
  return fd;
}

}  // namespace

void Fd::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

absl::StatusOr<Fd> Listen(const Address& address, int backlog) {
  ASSIGN_OR_RETURN(Fd fd, Bind(address, /*reuse_port=*/true));
  SetOption(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (listen(fd.get(), backlog) != 0) return BindError(address, errno);
  return fd;
}

Fd Duplicate(int fd) { return Fd(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

bool SharesPort(int fd) { return GetOption(fd, SO_REUSEPORT) == 1; }

bool IsSameSocket(int fd, int other) {
  struct stat one, two;
  return fstat(fd, &one) == 0 && fstat(other, &two) == 0 && one.st_dev == two.st_dev &&
         one.st_ino == two.st_ino;
}

absl::Status AdoptListening(int fd) {
  const int domain = GetOption(fd, SO_DOMAIN);
  const bool is_tcp =
      (domain == AF_INET || domain == AF_INET6) && GetOption(fd, SO_TYPE) == SOCK_STREAM;
  if (!is_tcp || GetOption(fd, SO_ACCEPTCONN) != 1) {
    return absl::InvalidArgumentError("not a listening TCP socket");
  }
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return absl::InvalidArgumentError(std::strerror(errno));
  }
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return absl::OkStatus();
}

absl::Status ProbeBind(const Address& address) {
  // SO_REUSEADDR lets two sockets bind as long as neither listens. This one must not, either:
  // whoever connected to it would be reset when it goes.
  return Bind(address, /*reuse_port=*/false).status();
}

absl::StatusOr<Fd> StartConnect(const Address& address) {
  Fd fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) {
    return absl::ResourceExhaustedError(absl::StrCat("socket: ", std::strerror(errno)));
  }
  SetOption(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  sockaddr_storage storage;
  const socklen_t length = address.ToSockaddr(storage);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0 &&
      errno != EINPROGRESS) {
    if (errno == EADDRNOTAVAIL || errno == ENOBUFS || errno == ENOMEM) {
      return absl::ResourceExhaustedError(absl::StrCat("connect: ", std::strerror(errno)));
    }
    return absl::UnavailableError(absl::StrCat(address.ToString(), ": ", std::strerror(errno)));
  }
  return fd;
}

int ConnectError(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

Address LocalAddress(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return Address();
  return Address::FromSockaddr(storage);
}

}  // namespace sluice::net
