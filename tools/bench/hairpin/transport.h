// A byte stream to a peer: a TCP socket, and TLS over it where a client asks for it.
//
// The only place that reads, writes and connects.
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/bench/hairpin/loop.h"
#include "tools/bench/hairpin/tls_client.h"

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

  // Begins to connect, from `source` (host byte order; 0 leaves it to the kernel), and to speak TLS
  // where `tls` is not null. What is sent before the connection stands answers kBlocked; whoever
  // waits to send tries again at any event. False if it failed at once.
  bool Connect(const sockaddr_in& target, uint32_t source, TlsClient* tls, Loop& loop,
               Source& owner);
  void Close();
  bool is_open() const { return fd_ >= 0; }

  ssize_t Send(absl::string_view data);
  // 0 at the end of the stream.
  ssize_t Receive(char* buffer, size_t size);
  // Whether a receive of `received` bytes into `size` says that nothing more is there.
  bool IsDrained(ssize_t received, size_t size) const {
    // TLS gives a record at a time.
    return ssl_ == nullptr && static_cast<size_t>(received) < size;
  }

 private:
  ssize_t OutcomeOfTls(int result);

  int fd_ = -1;
  TlsClient* tls_ = nullptr;
  bssl::UniquePtr<SSL> ssl_;  // Null: in the clear.
  bool has_handshaken_ = false;
};

}  // namespace sluice::hairpin
