#include "proxy/net/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace sluice::net {
namespace {

using Status = ProxyHeader::Status;

ProxyHeader Parse(absl::string_view bytes) { return ProxyHeader::Parse(bytes); }

// Version 2 with these bytes 12 and 13, and `rest` behind the length.
std::string Binary(absl::string_view version_and_family, absl::string_view rest) {
  std::string bytes("\r\n\r\n\0\r\nQUIT\n", 12);
  bytes += absl::HexStringToBytes(version_and_family);
  bytes += static_cast<char>(rest.size() >> 8);
  bytes += static_cast<char>(rest.size() & 0xff);
  bytes.append(rest.data(), rest.size());
  return bytes;
}

const std::string kIpv4 = absl::HexStringToBytes("c0000201c633640701bbdc04");
const std::string kIpv6 = absl::HexStringToBytes(
    "20010db8000000000000000000000001"
    "20010db8000000000000000000000002"
    "01bbdc04");

TEST(ProxyHeaderTest, TextSaysBothAddresses) {
  const std::string line = "PROXY TCP4 192.0.2.1 198.51.100.7 443 56324\r\n";
  const ProxyHeader header = Parse(line + "GET / HTTP/1.1\r\n");
  ASSERT_EQ(header.status, Status::kComplete);
  EXPECT_EQ(header.size, line.size());
  ASSERT_TRUE(header.has_addresses);
  EXPECT_EQ(header.source.ToString(), "192.0.2.1:443");
  EXPECT_EQ(header.destination.ToString(), "198.51.100.7:56324");
  EXPECT_EQ(Parse("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n").source.ToString(),
            "[2001:db8::1]:0");
}

TEST(ProxyHeaderTest, OfTheUnknownOnlyTheEndOfTheLineMatters) {
  for (const std::string line : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff what 1\r\n"}) {
    const ProxyHeader header = Parse(line);
    ASSERT_EQ(header.status, Status::kComplete) << line;
    EXPECT_EQ(header.size, line.size());
    EXPECT_FALSE(header.has_addresses);
  }
}

TEST(ProxyHeaderTest, BinarySaysBothAddressesAndWhereAdditionsFollowThem) {
  const ProxyHeader v4 = Parse(Binary("2111", kIpv4));
  ASSERT_EQ(v4.status, Status::kComplete);
  EXPECT_EQ(v4.size, 28u);
  EXPECT_EQ(v4.tlvs_at, 28u);
  EXPECT_EQ(v4.source.ToString(), "192.0.2.1:443");
  EXPECT_EQ(v4.destination.ToString(), "198.51.100.7:56324");
  const ProxyHeader v6 = Parse(Binary("2121", kIpv6 + std::string(60000, 'x')).substr(0, 60));
  ASSERT_EQ(v6.status, Status::kComplete);
  EXPECT_EQ(v6.size, 16u + 36 + 60000);
  EXPECT_EQ(v6.tlvs_at, 16u + 36);
  EXPECT_EQ(v6.source.ToString(), "[2001:db8::1]:443");
}

TEST(ProxyHeaderTest, WhoSpeaksForItselfNamesNobody) {
  // LOCAL whatever its family, no family, and a UNIX socket.
  for (const absl::string_view command : {"2000", "2011", "2021", "2100", "2131"}) {
    const ProxyHeader header = Parse(Binary(command, std::string(216, '\0')));
    ASSERT_EQ(header.status, Status::kComplete) << command;
    EXPECT_FALSE(header.has_addresses) << command;
    EXPECT_EQ(header.size, 16u + 216) << command;
    EXPECT_EQ(header.tlvs_at, header.size) << command;
  }
  // Of a proxied connection the size of UNIX addresses is known: additions may follow.
  EXPECT_EQ(Parse(Binary("2131", std::string(219, '\0'))).tlvs_at, 16u + 216);
}

TEST(ProxyHeaderTest, EveryBeginningOfOneNeedsMore) {
  for (const std::string& whole :
       {std::string("PROXY TCP4 192.0.2.1 198.51.100.7 443 56324\r\n"),
        std::string("PROXY UNKNOWN\r\n"), Binary("2111", kIpv4), Binary("2121", kIpv6)}) {
    for (size_t size = 1; size < whole.size(); ++size) {
      EXPECT_EQ(Parse(whole.substr(0, size)).status, Status::kNeedsMore)
          << absl::CEscape(whole.substr(0, size));
    }
    EXPECT_EQ(Parse(whole).status, Status::kComplete);
  }
}

TEST(ProxyHeaderTest, WhatBeginsOtherwiseIsNone) {
  for (const absl::string_view bytes :
       {"GET / HTTP/1.1\r\n", "PROXZ", "proxy TCP4", "\x16\x03\x01", "\r\n\r\nGET"}) {
    EXPECT_EQ(Parse(bytes).status, Status::kAbsent) << absl::CEscape(bytes);
  }
  // As much as a request says of it: one of HTTP that names it has another word first.
  EXPECT_EQ(Parse("PRI * HTTP/2.0").status, Status::kAbsent);
}

TEST(ProxyHeaderTest, TextThatIsNotExactIsInvalid) {
  for (const absl::string_view line : {
           "PROXY \r\n",
           "PROXY TCP4\r\n",
           "PROXY TCP5 192.0.2.1 198.51.100.7 443 56324\r\n",
           "PROXY tcp4 192.0.2.1 198.51.100.7 443 56324\r\n",
           "PROXY TCP4  192.0.2.1 198.51.100.7 443 56324\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.7 443\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.7 443 56324 \r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.7 443 56324 1\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.7 443 56324\n",
           "PROXY TCP4 192.0.2.1 198.51.100.7 443 65536\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.7 443 0443\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.7 +443 443\r\n",
           "PROXY TCP4 192.0.2.1 198.51.100.7 443 \r\n",
           "PROXY TCP4 192.0.2 198.51.100.7 443 443\r\n",
           "PROXY TCP4 2001:db8::1 2001:db8::2 443 443\r\n",
           "PROXY TCP6 192.0.2.1 198.51.100.7 443 443\r\n",
           "PROXY TCP6 [2001:db8::1] 2001:db8::2 443 443\r\n",
           "PROXY UNKNOWNS\r\n",
       }) {
    EXPECT_EQ(Parse(line).status, Status::kInvalid) << line;
  }
}

TEST(ProxyHeaderTest, ALineOfTextHasAnEndAtItsLongest) {
  const std::string longest = absl::StrCat("PROXY UNKNOWN ", std::string(107 - 16, 'x'), "\r\n");
  ASSERT_EQ(longest.size(), 107u);
  EXPECT_EQ(Parse(longest).status, Status::kComplete);
  const std::string longer = absl::StrCat("PROXY UNKNOWN ", std::string(107 - 15, 'x'), "\r\n");
  EXPECT_EQ(Parse(longer).status, Status::kInvalid);
  EXPECT_EQ(Parse(longer.substr(0, 106)).status, Status::kNeedsMore);
}

TEST(ProxyHeaderTest, BinaryThatIsNotExactIsInvalid) {
  for (const absl::string_view command : {
           "1111",  // Another version.
           "2211",  // No command.
           "2141",  // No family.
           "2113",  // No transport.
           "2112",  // Over UDP.
           "2110",
       }) {
    EXPECT_EQ(Parse(Binary(command, kIpv4)).status, Status::kInvalid) << command;
  }
  EXPECT_EQ(Parse(Binary("2111", kIpv4.substr(1))).status, Status::kInvalid);
  EXPECT_EQ(Parse(Binary("2121", kIpv4)).status, Status::kInvalid);
}

TEST(ProxyHeaderTest, WhatIsWrittenIsRead) {
  const Address a = *Address::Parse("192.0.2.1:443");
  const Address b = *Address::Parse("255.255.255.255:65535");
  const Address c = *Address::Parse("[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
  const Address d = *Address::Parse("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
  for (const auto& [source, destination] : {std::pair(a, b), std::pair(c, d), std::pair(a, c)}) {
    for (const ProxyProtocol version : {ProxyProtocol::kV1, ProxyProtocol::kV2}) {
      char text[kMaxProxyHeaderText];
      const size_t size = WriteProxyHeader(version, source, destination, text);
      const ProxyHeader header = Parse(absl::string_view(text, size));
      ASSERT_EQ(header.status, Status::kComplete) << absl::CEscape({text, size});
      EXPECT_EQ(header.size, size);
      EXPECT_EQ(header.source, source);
      EXPECT_EQ(header.destination, destination);
    }
  }
  char text[kMaxProxyHeaderText];
  EXPECT_EQ(absl::string_view(text, WriteProxyHeader(ProxyProtocol::kV1, a, b, text)),
            "PROXY TCP4 192.0.2.1 255.255.255.255 443 65535\r\n");
  EXPECT_EQ(WriteProxyHeader(ProxyProtocol::kNone, a, b, text), 0u);
}

TEST(ProxyHeaderTest, ALocalHeaderIsReadAsOne) {
  for (const ProxyProtocol version : {ProxyProtocol::kV1, ProxyProtocol::kV2}) {
    const absl::string_view text = LocalProxyHeader(version);
    const ProxyHeader header = Parse(text);
    ASSERT_EQ(header.status, Status::kComplete) << absl::CEscape(text);
    EXPECT_EQ(header.size, text.size());
    EXPECT_FALSE(header.has_addresses);
  }
  EXPECT_EQ(LocalProxyHeader(ProxyProtocol::kNone), "");
}

}  // namespace
}  // namespace sluice::net
