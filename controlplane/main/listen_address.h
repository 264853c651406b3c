// Where a server listens.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::main {

struct ListenAddress {
  std::string host;   // An IP address, without brackets.
  uint16_t port = 0;  // 0: one that is free.
  bool is_ipv6 = false;

  // "127.0.0.1:9400", "[::1]:9400".
  std::string ToString() const;

  // Reached from this machine only.
  bool IsLoopback() const;
};

// IP:PORT, with an IPv6 address in brackets; "localhost" is 127.0.0.1.
//   INVALID_ARGUMENT  says what would be right
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

// A socket that listens there, and in `address` the port that it has got. The caller closes it.
//   UNAVAILABLE  "cannot listen on ...", with the reason of the system
absl::StatusOr<int> Listen(ListenAddress* address);

}  // namespace sluice::main
