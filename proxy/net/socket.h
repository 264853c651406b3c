// System calls on sockets, with their errors as Status.
#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "proxy/net/address.h"

namespace sluice::net {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void Close();

 private:
  int fd_ = -1;
};

// A listening TCP socket, non-blocking, of a set that shares the port (SO_REUSEPORT). TCP_NODELAY
// is set on it and inherited by what it accepts.
//   ALREADY_EXISTS        another socket holds the address
//   PERMISSION_DENIED     a port below 1024 without the capability
//   FAILED_PRECONDITION   anything else (no such address on this host)
absl::StatusOr<Fd> Listen(const Address& address, int backlog);

// Another descriptor of the same socket; closed if there is none left.
Fd Duplicate(int fd);

// Whether others of the same user may listen on this socket's address beside it.
bool SharesPort(int fd);

// Whether two descriptors, here or in two processes, are of one socket.
bool IsSameSocket(int fd, int other);

// Makes a listening TCP socket that somebody else opened like those of Listen(). INVALID_ARGUMENT
// says what it is instead.
absl::Status AdoptListening(int fd);

// OK if nobody listens on `address`. SO_REUSEPORT alone would let a second process of the same user
// share the port silently; errors as Listen().
absl::Status ProbeBind(const Address& address);

// A stream socket whose connection to `address` has been started.
//   RESOURCE_EXHAUSTED   this process, or the host, is out of descriptors, memory or ports
//   UNAVAILABLE          the address cannot be reached
absl::StatusOr<Fd> StartConnect(const Address& address);

// The error of a connection attempt that ended (SO_ERROR), 0 if it succeeded.
int ConnectError(int fd);

// The socket's own address.
Address LocalAddress(int fd);

}  // namespace sluice::net
