#include "proxy/net/address.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace sluice::net {
namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

char* FormatUint(char* out, unsigned value) {
  char digits[10];
  int n = 0;
  do {
    digits[n++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (n > 0) *out++ = digits[--n];
  return out;
}

}  // namespace

IpAddress IpAddress::V4(uint32_t host_order) {
  IpAddress address;
  std::memcpy(address.bytes_.data(), kMappedPrefix, sizeof(kMappedPrefix));
  const uint32_t network_order = htonl(host_order);
  std::memcpy(address.bytes_.data() + 12, &network_order, 4);
  return address;
}

std::optional<IpAddress> IpAddress::Parse(absl::string_view text) {
  // inet_pton() takes what stands before a NUL for all there is.
  if (text.size() >= kMaxAddressText || text.find('\0') != absl::string_view::npos) {
    return std::nullopt;
  }
  const std::string terminated(text);
  in_addr v4;
  if (inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return V4(ntohl(v4.s_addr));
  IpAddress address;
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1) return address;
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::memcmp(bytes_.data(), kMappedPrefix, sizeof(kMappedPrefix)) == 0;
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  IpAddress one;
  one.bytes_[15] = 1;
  return *this == one;
}

bool IpAddress::is_any() const { return *this == (is_v4() ? V4(0) : IpAddress()); }

std::string IpAddress::ToString() const {
  char text[kMaxAddressText];
  return std::string(text, Format(text));
}

size_t IpAddress::Format(char (&out)[kMaxAddressText]) const {
  if (!is_v4()) {
    inet_ntop(AF_INET6, bytes_.data(), out, sizeof(out));
    return std::strlen(out);
  }
  char* end = FormatUint(out, bytes_[12]);
  for (int i = 13; i < 16; ++i) {
    *end++ = '.';
    end = FormatUint(end, bytes_[i]);
  }
  return static_cast<size_t>(end - out);
}

std::optional<IpRange> IpRange::Parse(absl::string_view text) {
  IpRange range;
  const size_t slash = text.find('/');
  const std::optional<IpAddress> base = IpAddress::Parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  range.base_ = *base;
  if (slash == absl::string_view::npos) return range;
  int bits;
  const absl::string_view digits = text.substr(slash + 1);
  if (digits.empty() || digits.size() > 3 || digits[0] == '+' || !absl::SimpleAtoi(digits, &bits)) {
    return std::nullopt;
  }
  const int width = base->is_v4() ? 32 : 128;
  if (bits < 0 || bits > width) return std::nullopt;
  range.prefix_bits_ = bits + (128 - width);
  return range;
}

bool IpRange::Contains(const IpAddress& address) const {
  const int whole = prefix_bits_ / 8;
  if (std::memcmp(address.bytes().data(), base_.bytes().data(), whole) != 0) return false;
  const int rest = prefix_bits_ % 8;
  if (rest == 0) return true;
  const int shift = 8 - rest;
  return address.bytes()[whole] >> shift == base_.bytes()[whole] >> shift;
}

Address Address::FromSockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &storage, sizeof(v4));
    return Address(IpAddress::V4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port));
  }
  if (storage.ss_family != AF_INET6) return Address();
  sockaddr_in6 v6;
  std::memcpy(&v6, &storage, sizeof(v6));
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &v6.sin6_addr, 16);
  return Address(IpAddress(bytes), ntohs(v6.sin6_port));
}

std::optional<Address> Address::Parse(absl::string_view text) {
  absl::string_view host, port_text;
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  host = text.substr(0, colon);
  port_text = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const std::optional<IpAddress> ip = IpAddress::Parse(host);
  if (!ip || bracketed == (host.find(':') == absl::string_view::npos)) return std::nullopt;
  uint32_t port;
  if (port_text.empty() || port_text.size() > 5 || !absl::ascii_isdigit(port_text[0]) ||
      !absl::SimpleAtoi(port_text, &port) || port > 65535) {
    return std::nullopt;
  }
  return Address(*ip, static_cast<uint16_t>(port));
}

bool Address::Covers(const Address& other) const {
  return ip_.is_any() && !other.ip_.is_any() && port_ == other.port_ && family() == other.family();
}

socklen_t Address::ToSockaddr(sockaddr_storage& storage) const {
  std::memset(&storage, 0, sizeof(storage));
  if (ip_.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    std::memcpy(&v4.sin_addr, ip_.bytes().data() + 12, 4);
    return sizeof(sockaddr_in);
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  std::memcpy(&v6.sin6_addr, ip_.bytes().data(), 16);
  return sizeof(sockaddr_in6);
}

std::string Address::ToString() const {
  char text[kMaxAddressText];
  return std::string(text, Format(text));
}

size_t Address::Format(char (&out)[kMaxAddressText]) const {
  char* end = out;
  char ip[kMaxAddressText];
  const size_t length = ip_.Format(ip);
  const bool v6 = !ip_.is_v4();
  if (v6) *end++ = '[';
  std::memcpy(end, ip, length);
  end += length;
  if (v6) *end++ = ']';
  *end++ = ':';
  end = FormatUint(end, port_);
  return static_cast<size_t>(end - out);
}

}  // namespace sluice::net
