// WebSocket's proof that a server has read the request (RFC 6455 section 4.2.2), which HTTP/2 has
// no use for (RFC 8441 section 5): made for clients of HTTP/1.1 whose server speaks HTTP/2.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::http::h2 {

// The Sec-WebSocket-Accept for this Sec-WebSocket-Key.
std::string WebSocketAccept(absl::string_view key);

}  // namespace sluice::http::h2
