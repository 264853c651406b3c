#include "proxy/net/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "absl/strings/match.h"
#include "base/append.h"

namespace sluice::net {
namespace {

using Status = ProxyHeader::Status;

constexpr absl::string_view kTextStart = "PROXY ";
constexpr size_t kMaxTextLine = 107;  // With its end.
constexpr absl::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kFixedSize = 16;
constexpr size_t kIpv4Size = 12;  // Two addresses and two ports.
constexpr size_t kIpv6Size = 36;
constexpr size_t kUnixSize = 216;

// Of version 2: the high half of byte 12, and the halves of byte 13.
constexpr uint8_t kVersion2 = 2;
enum Command : uint8_t { kLocal = 0, kProxied = 1 };
enum Family : uint8_t { kUnspecified = 0, kIpv4 = 1, kIpv6 = 2, kUnix = 3 };
constexpr uint8_t kStream = 1;

bool IsPrefix(absl::string_view bytes, absl::string_view whole) {
  return bytes.size() < whole.size() && absl::StartsWith(whole, bytes);
}

uint8_t ByteAt(absl::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

uint16_t ShortAt(absl::string_view bytes, size_t at) {
  return static_cast<uint16_t>(ByteAt(bytes, at) << 8 | ByteAt(bytes, at + 1));
}

// The next word of a line whose words have one space between them.
absl::string_view TakeWord(absl::string_view& line) {
  const size_t space = line.find(' ');
  const absl::string_view word = line.substr(0, space);
  line = space == absl::string_view::npos ? absl::string_view() : line.substr(space + 1);
  return word;
}

// Decimal without sign or leading zeros.
std::optional<uint16_t> ParsePort(absl::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  uint16_t port;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<IpAddress> ParseIp(absl::string_view text, bool is_ipv6) {
  if (absl::StrContains(text, ':') != is_ipv6) return std::nullopt;
  return IpAddress::Parse(text);
}

// What stands between "PROXY " and the end of the line. False: it says no such thing.
bool ParseTextAddresses(absl::string_view line, ProxyHeader& header) {
  const absl::string_view family = TakeWord(line);
  // Whatever follows this word is to be ignored.
  if (family == "UNKNOWN") return true;
  if (family != "TCP4" && family != "TCP6") return false;
  const bool is_ipv6 = family == "TCP6";
  const auto source = ParseIp(TakeWord(line), is_ipv6);
  const auto destination = ParseIp(TakeWord(line), is_ipv6);
  const auto source_port = ParsePort(TakeWord(line));
  const auto destination_port = ParsePort(line);
  if (!source || !destination || !source_port || !destination_port) return false;
  header.has_addresses = true;
  header.source = Address(*source, *source_port);
  header.destination = Address(*destination, *destination_port);
  return true;
}

ProxyHeader ParseText(absl::string_view bytes) {
  ProxyHeader header;
  const absl::string_view line = bytes.substr(0, kMaxTextLine);
  const size_t end = line.find('\n');
  if (end == absl::string_view::npos) {
    if (bytes.size() < kMaxTextLine) header.status = Status::kNeedsMore;
    return header;
  }
  if (line[end - 1] != '\r') return header;
  const size_t begin = kTextStart.size();
  if (end - 1 < begin) return header;
  if (!ParseTextAddresses(line.substr(begin, end - 1 - begin), header)) return header;
  header.size = header.tlvs_at = end + 1;
  header.status = Status::kComplete;
  return header;
}

IpAddress IpAt(absl::string_view bytes, size_t at, bool is_ipv6) {
  if (!is_ipv6) {
    return IpAddress::V4(static_cast<uint32_t>(ShortAt(bytes, at)) << 16 | ShortAt(bytes, at + 2));
  }
  std::array<uint8_t, 16> ip;
  std::memcpy(ip.data(), bytes.data() + at, ip.size());
  return IpAddress(ip);
}

ProxyHeader ParseBinary(absl::string_view bytes) {
  ProxyHeader header;
  if (bytes.size() < kFixedSize) {
    header.status = Status::kNeedsMore;
    return header;
  }
  const uint8_t command = ByteAt(bytes, 12) & 0xf;
  const uint8_t family = ByteAt(bytes, 13) >> 4;
  const uint8_t transport = ByteAt(bytes, 13) & 0xf;
  const size_t length = ShortAt(bytes, 14);
  if (ByteAt(bytes, 12) >> 4 != kVersion2 || command > kProxied) return header;
  if (family > kUnix || transport > 2) return header;
  header.size = header.tlvs_at = kFixedSize + length;
  const bool has_ip = command == kProxied && (family == kIpv4 || family == kIpv6);
  if (!has_ip) {
    // All that a sender says of itself is to be discarded, and of no family nobody knows the size.
    const bool has_tlvs = command == kProxied && family == kUnix && length > kUnixSize;
    if (has_tlvs) header.tlvs_at = kFixedSize + kUnixSize;
    header.status = Status::kComplete;
    return header;
  }
  // What came over TCP was not made over UDP.
  if (transport != kStream) return header;
  const bool is_ipv6 = family == kIpv6;
  const size_t addresses = is_ipv6 ? kIpv6Size : kIpv4Size;
  if (length < addresses) return header;
  if (bytes.size() < kFixedSize + addresses) {
    header.status = Status::kNeedsMore;
    return header;
  }
  const size_t ip_size = is_ipv6 ? 16 : 4;
  const size_t ports = kFixedSize + 2 * ip_size;
  header.source = Address(IpAt(bytes, kFixedSize, is_ipv6), ShortAt(bytes, ports));
  header.destination =
      Address(IpAt(bytes, kFixedSize + ip_size, is_ipv6), ShortAt(bytes, ports + 2));
  header.has_addresses = true;
  header.tlvs_at = kFixedSize + addresses;
  header.status = Status::kComplete;
  return header;
}

// As the IPv6 address that it is mapped to.
char* AppendIp(const IpAddress& ip, bool is_ipv6, char* out) {
  char text[kMaxAddressText];
  const size_t size = ip.Format(text);
  if (is_ipv6 && ip.is_v4()) out = Append("::ffff:", out);
  return Append(absl::string_view(text, size), out);
}

size_t WriteText(const Address& source, const Address& destination, bool is_ipv6, char* out) {
  char* p = Append(is_ipv6 ? "PROXY TCP6 " : "PROXY TCP4 ", out);
  p = AppendIp(source.ip(), is_ipv6, p);
  *p++ = ' ';
  p = AppendIp(destination.ip(), is_ipv6, p);
  *p++ = ' ';
  p = std::to_chars(p, p + 5, source.port()).ptr;
  *p++ = ' ';
  p = std::to_chars(p, p + 5, destination.port()).ptr;
  p = Append("\r\n", p);
  return static_cast<size_t>(p - out);
}

size_t WriteBinary(const Address& source, const Address& destination, bool is_ipv6, char* out) {
  const size_t skipped = is_ipv6 ? 0 : 12;  // Of the 16 bytes: IPv4 has the last four.
  char* p = Append(kSignature, out);
  *p++ = kVersion2 << 4 | kProxied;
  *p++ = static_cast<char>((is_ipv6 ? kIpv6 : kIpv4) << 4 | kStream);
  *p++ = 0;
  *p++ = static_cast<char>(is_ipv6 ? kIpv6Size : kIpv4Size);
  for (const Address* address : {&source, &destination}) {
    const auto& ip = address->ip().bytes();
    p = std::copy(ip.begin() + static_cast<std::ptrdiff_t>(skipped), ip.end(), p);
  }
  for (const Address* address : {&source, &destination}) {
    *p++ = static_cast<char>(address->port() >> 8);
    *p++ = static_cast<char>(address->port() & 0xff);
  }
  return static_cast<size_t>(p - out);
}

}  // namespace

ProxyHeader ProxyHeader::Parse(absl::string_view bytes) {
  if (absl::StartsWith(bytes, kTextStart)) return ParseText(bytes);
  if (absl::StartsWith(bytes, kSignature)) return ParseBinary(bytes);
  ProxyHeader header;
  const bool may_become_one = IsPrefix(bytes, kTextStart) || IsPrefix(bytes, kSignature);
  header.status = may_become_one ? Status::kNeedsMore : Status::kAbsent;
  return header;
}

size_t WriteProxyHeader(ProxyProtocol version, const Address& source, const Address& destination,
                        char (&out)[kMaxProxyHeaderText]) {
  const bool is_ipv6 = !source.ip().is_v4() || !destination.ip().is_v4();
  switch (version) {
    case ProxyProtocol::kNone:
      break;
    case ProxyProtocol::kV1:
      return WriteText(source, destination, is_ipv6, out);
    case ProxyProtocol::kV2:
      return WriteBinary(source, destination, is_ipv6, out);
  }
  return 0;
}

absl::string_view LocalProxyHeader(ProxyProtocol version) {
  switch (version) {
    case ProxyProtocol::kV1:
      return "PROXY UNKNOWN\r\n";
    case ProxyProtocol::kV2:
      return absl::string_view("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
    case ProxyProtocol::kNone:
      break;
  }
  return "";
}

}  // namespace sluice::net
