// Who the client is, and what the X-Forwarded-* headers say to the upstream.
#pragma once

#include <span>

#include "proxy/http/message.h"
#include "proxy/net/address.h"

namespace sluice::exchange {

struct Client {
  net::IpAddress ip;
  absl::string_view scheme;  // "http" or "https"
  bool is_peer_trusted = false;
};

// Finds the client behind the peer, and rewrites X-Forwarded-For, -Proto and -Host of `head` so
// that they hold what this proxy vouches for: from a trusted peer the lists are continued, from any
// other they are replaced, and Forwarded and all other X-Forwarded-* removed.
Client ApplyForwarded(http::RequestHead& head, const net::IpAddress& peer, bool is_secure,
                      std::span<const net::IpRange> trusted_proxies);

}  // namespace sluice::exchange
