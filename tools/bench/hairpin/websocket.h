// As much of RFC 6455 as small binary messages take.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::hairpin {

inline constexpr absl::string_view kWebSocketHeaders[] = {
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="};
// What belongs to that key.
inline constexpr absl::string_view kWebSocketAccepted =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
inline constexpr size_t kMostWebSocketBytes = 125;

// One frame of at most kMostWebSocketBytes; the mask of a client is zero.
inline std::string WebSocketFrame(absl::string_view payload, bool masked) {
  std::string frame = {'\x82', static_cast<char>(payload.size() | (masked ? 0x80u : 0u))};
  if (masked) frame.append(4, '\0');
  return frame.append(payload.data(), payload.size());
}

}  // namespace sluice::hairpin
