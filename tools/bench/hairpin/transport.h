// A byte stream to a peer: today a plain TCP socket.
//
// The only place that reads, writes and connects, so that TLS is a change of this class alone.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/bench/hairpin/loop.h"

namespace sluice::hairpin {

// "127.0.0.1:8080". INVALID_ARGUMENT for anything but an IPv4 address with a port.
absl::StatusOr<sockaddr_in> ParseAddress(absl::string_view text);

// A non-blocking listening socket in `loop`; the caller owns the descriptor.
absl::StatusOr<int> Listen(const sockaddr_in& address);

class Transport {
 public:
  // What a call moved: bytes, or one of these.
  static constexpr ssize_t kBlocked = -1;
  static constexpr ssize_t kFailed = -2;

  Transport() = default;
  explicit Transport(int connected_fd);
  ~Transport() { Close(); }
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Begins to connect, from `source` (host byte order; 0 leaves it to the kernel). What is sent
  // before the connection stands answers kBlocked. False if it failed at once.
  bool Connect(const sockaddr_in& target, uint32_t source, Loop& loop, Source& owner);
  void Close();
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  ssize_t Send(absl::string_view data);
  // 0 at the end of the stream.
  ssize_t Receive(char* buffer, size_t size);

 private:
  int fd_ = -1;
};

}  // namespace sluice::hairpin
