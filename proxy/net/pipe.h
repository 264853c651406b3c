// A pipe of the kernel, through which bytes go from one socket to another without being copied
// (splice(2)): the kernel passes on the pages that they lie in.
//
// For one filling and one emptying at a time, so that what is in it is always known.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "proxy/net/socket.h"

namespace sluice::net {

class Pipe {
 public:
  // What one is to hold; some hold less.
  static constexpr size_t kBytes = 256 * 1024;

  // An empty one. Nothing without descriptors, or where the kernel gives this user small ones only.
  static std::optional<Pipe> Open();

  // Moves up to `max` bytes, which is at most capacity(), from a stream socket into this pipe,
  // which is empty. As recv(); but EAGAIN may also mean urgent data, and anything else that is not
  // an error of the socket that pipes do not work here.
  ssize_t FillFrom(int socket, size_t max);
  // Moves out what it can. As send(), but that a part may have gone while there is still room. The
  // process ignores SIGPIPE.
  ssize_t EmptyInto(int socket);

  size_t capacity() const { return capacity_; }
  // What is in it. One that does not go on to a socket stays: such a pipe is of no further use.
  size_t bytes() const { return bytes_; }

 private:
  Pipe(Fd read_end, Fd write_end, size_t capacity)
      : read_end_(std::move(read_end)), write_end_(std::move(write_end)), capacity_(capacity) {}

  Fd read_end_;
  Fd write_end_;
  size_t capacity_;
  size_t bytes_ = 0;
};

}  // namespace sluice::net
