#include "proxy/net/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::net {
namespace {

// What a user who has too many pipes gets is a page or two: two system calls for so little are
// dear.
constexpr size_t kLeastBytes = 64 * 1024;

ssize_t Splice(int from, int to, size_t bytes) {
  ssize_t n;
  do {
    n = splice(from, nullptr, to, nullptr, bytes, SPLICE_F_NONBLOCK);
  } while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace

std::optional<Pipe> Pipe::Open() {
  int fds[2];
  if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
  Fd read_end(fds[0]);
  Fd write_end(fds[1]);
  fcntl(write_end.get(), F_SETPIPE_SZ, static_cast<int>(kBytes));
  const int capacity = fcntl(write_end.get(), F_GETPIPE_SZ);
  if (capacity < static_cast<int>(kLeastBytes)) return std::nullopt;
  return Pipe(std::move(read_end), std::move(write_end), std::min<size_t>(capacity, kBytes));
}

ssize_t Pipe::FillFrom(int socket, size_t max) {
  const ssize_t n = Splice(socket, write_end_.get(), max);
  if (n > 0) bytes_ = static_cast<size_t>(n);
  return n;
}

ssize_t Pipe::EmptyInto(int socket) {
  const ssize_t n = Splice(read_end_.get(), socket, bytes_);
  if (n > 0) bytes_ -= static_cast<size_t>(n);
  return n;
}

}  // namespace sluice::net
