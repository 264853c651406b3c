// The forms of texts in configuration: names, addresses, headers. Free of protobuf, so that proxies
// and tools read them in the same way.
//
// A Check function returns what is wrong with the text, if anything is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "api/match/route_spec.h"

namespace sluice::validate {

using match::Flaw;

// Of a resource or a group of proxies: 1-253 of [a-z0-9.-], a letter or digit at both ends.
std::optional<Flaw> CheckName(absl::string_view text);

// 1-63 of [A-Za-z0-9_./-].
std::optional<Flaw> CheckLabelKey(absl::string_view text);

// Up to 253 characters without control characters.
std::optional<Flaw> CheckLabelValue(absl::string_view text);

// A host and a port. `host` is an IP address without brackets, or a DNS name in lower case.
struct HostPort {
  std::string host;
  uint16_t port = 0;
  bool is_ip = false;
  bool is_ipv6 = false;

  // The text that all notations of the address have in common.
  std::string ToString() const;
};

// "10.0.0.1:80", "[::1]:80", "orders.internal:80"; nothing for all else, port 0 too.
std::optional<HostPort> ParseHostPort(absl::string_view text);

// IP:PORT, as a listener has it.
std::optional<Flaw> CheckSocketAddress(absl::string_view text);

// IP:PORT or NAME:PORT, as an endpoint has it.
std::optional<Flaw> CheckEndpointAddress(absl::string_view text);

// A host as it is sent: a name or IP address, with or without a port.
std::optional<Flaw> CheckAuthority(absl::string_view text);

// An address or CIDR range.
std::optional<Flaw> CheckRangeOfIps(absl::string_view text);

// A token (RFC 9110, 5.6.2), up to 256 bytes.
std::optional<Flaw> CheckHeaderName(absl::string_view text);

// Visible characters, spaces and tabs between them, bytes from 0x80 (RFC 9110, 5.5); up to 4096
// bytes.
std::optional<Flaw> CheckHeaderValue(absl::string_view text);

// Whether the header belongs to framing or to one connection, where nobody but the proxy itself may
// set it: a wrong one makes two requests out of one.
bool IsFramingHeader(absl::string_view name);

// A name of a cookie, query parameter or variable that stands alone: 1-128 visible ASCII
// characters.
std::optional<Flaw> CheckParameterName(absl::string_view text);

// "20%": 0 to 100; nothing for all else.
std::optional<uint32_t> ParsePercent(absl::string_view text);

// Without control characters.
std::optional<Flaw> CheckPrintable(absl::string_view text);

}  // namespace sluice::validate
