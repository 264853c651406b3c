// The PROXY protocol: what stands before the first byte of a connection and says between whom it
// was made, where a proxy in front hides that.
//
//   PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n     version 1, text
//   \r\n\r\n\0\r\nQUIT\n 21 11 000c ...                  version 2, binary
//
// Thread: any; nothing here has state.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/net/address.h"
#include "proxy/net/proxy_tlvs.h"

namespace sluice::net {

enum class ProxyProtocol : uint8_t { kNone, kV1, kV2 };

struct ProxyHeader {
  enum class Status : uint8_t {
    kComplete,
    kNeedsMore,  // What there is may become one.
    kAbsent,     // It is no header: what a client says of its own.
    kInvalid,    // It began as one.
  };

  // No more than this of a connection's beginning has to be seen: a line of version 1, or the
  // fixed part of version 2 with its longest addresses. What follows these is for ProxyTlvs.
  static constexpr size_t kMaxSeen = 16 + 216;

  Status status = Status::kInvalid;
  // Of a complete one: bytes to take off the connection, which may be more than were seen; and
  // where in them its additions begin, if they mean anything, else `size`.
  size_t size = 0;
  size_t tlvs_at = 0;
  // False: the sender speaks for itself (LOCAL), or does not know (UNKNOWN, a family without IP).
  bool has_addresses = false;
  Address source;
  Address destination;
  ProxyTlvs tlvs;  // Empty, until somebody has read them.

  // Reads the first bytes of a connection.
  static ProxyHeader Parse(absl::string_view bytes);
};

// Room for what WriteProxyHeader() writes: a line of version 1 is longer than any of version 2.
inline constexpr size_t kMaxProxyHeaderText = 108;

// Writes a header and returns its length. Addresses of two families are both written as IPv6.
// kNone writes nothing.
size_t WriteProxyHeader(ProxyProtocol version, const Address& source, const Address& destination,
                        char (&out)[kMaxProxyHeaderText]);

// What a sender says that speaks for itself and for no client (LOCAL, UNKNOWN). kNone: nothing.
absl::string_view LocalProxyHeader(ProxyProtocol version);

}  // namespace sluice::net
