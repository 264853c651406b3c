// One message between a process and its successor: a line of text, and descriptors with it.
//
// The other side is this program, of the same user but maybe of another version: a message that is
// not known is passed over by both.
//
// Thread: any; stateless.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proxy/net/socket.h"

namespace sluice::server::handover {

struct Packet {
  std::string text;
  std::vector<net::Fd> fds;
};

// The kernel passes no more in one message.
inline constexpr size_t kMaxFds = 253;
// Longer text is cut off by Receive(), and so refused.
inline constexpr size_t kMaxText = 4096;

// On a packet socket. UNAVAILABLE if the other side is gone or does not read.
absl::Status Send(int socket, absl::string_view text, const std::vector<int>& fds = {});

// The next one; nothing once the other side is gone.
//   UNAVAILABLE        there is none now, or none came in time
//   INVALID_ARGUMENT   a message that is too long
absl::StatusOr<std::optional<Packet>> Receive(int socket);

// The process and user at the other end.
struct Peer {
  int pid = 0;
  unsigned uid = 0;
};
absl::StatusOr<Peer> PeerOf(int socket);

}  // namespace sluice::server::handover
