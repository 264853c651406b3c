// IP addresses and socket addresses as values.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::net {

// Longest text of an Address: "[" 39 "]:" 5, and of an IpAddress.
inline constexpr size_t kMaxAddressText = 48;

// 16 bytes, IPv4 as ::ffff:a.b.c.d: one comparison for both families.
class IpAddress {
 public:
  IpAddress() = default;
  explicit IpAddress(const std::array<uint8_t, 16>& bytes) : bytes_(bytes) {}
  static IpAddress V4(uint32_t host_order);
  // Without brackets, port or zone.
  static std::optional<IpAddress> Parse(absl::string_view text);

  bool is_v4() const;
  bool is_loopback() const;
  bool is_any() const;  // 0.0.0.0 or ::
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }

  std::string ToString() const;
  // Writes the text without a terminator and returns its length.
  size_t Format(char (&out)[kMaxAddressText]) const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

// A CIDR range.
class IpRange {
 public:
  // "10.0.0.0/8", "::1/128" or a single address. Bits below the prefix are ignored.
  static std::optional<IpRange> Parse(absl::string_view text);
  bool Contains(const IpAddress& address) const;

 private:
  IpAddress base_;
  int prefix_bits_ = 128;  // Of the 16-byte form.
};

// IP and port.
class Address {
 public:
  Address() = default;
  Address(IpAddress ip, uint16_t port) : ip_(ip), port_(port) {}
  static Address FromSockaddr(const sockaddr_storage& storage);
  // "1.2.3.4:80" or "[::1]:80".
  static std::optional<Address> Parse(absl::string_view text);

  const IpAddress& ip() const { return ip_; }
  uint16_t port() const { return port_; }

  // Fills `storage` and returns the length to pass along.
  socklen_t ToSockaddr(sockaddr_storage& storage) const;
  int family() const { return ip_.is_v4() ? AF_INET : AF_INET6; }
  // A socket on this one also gets what is meant for `other`, an address in particular, unless
  // there is a socket on that.
  bool Covers(const Address& other) const;

  std::string ToString() const;
  size_t Format(char (&out)[kMaxAddressText]) const;

  friend bool operator==(const Address&, const Address&) = default;
  friend auto operator<=>(const Address&, const Address&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Address& a) {
    return H::combine(std::move(h), a.ip_, a.port_);
  }

 private:
  IpAddress ip_;
  uint16_t port_ = 0;
};

}  // namespace sluice::net
