#include "proxy/net/proxy_tlvs.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/crc32c.h"

namespace sluice::net {
namespace {

// What stands before additions; the checksum is over it, too.
const std::string kBefore(28, 'h');

std::string Tlv(uint8_t type, absl::string_view value) {
  const std::string head = {static_cast<char>(type), static_cast<char>(value.size() >> 8),
                            static_cast<char>(value.size() & 0xff)};
  return absl::StrCat(head, value);
}

std::optional<ProxyTlvs> Read(const std::string& additions) {
  return ProxyTlvs::Read(kBefore + additions, kBefore.size());
}

// With the checksum of all of it between `before` and `after`.
std::string Checked(const std::string& before, const std::string& after) {
  const auto with = [&](uint32_t checksum) {
    const std::string value = {static_cast<char>(checksum >> 24), static_cast<char>(checksum >> 16),
                               static_cast<char>(checksum >> 8), static_cast<char>(checksum)};
    return before + Tlv(3, value) + after;
  };
  return with(ExtendCrc32c(0, kBefore + with(0)));
}

TEST(ProxyTlvsTest, ValuesAreFoundByType) {
  const auto tlvs = Read(Tlv(1, "h2") + Tlv(2, "shop.example") + Tlv(0xea, "\x01vpce-1"));
  ASSERT_TRUE(tlvs.has_value());
  EXPECT_EQ(tlvs->Find(1), "h2");
  EXPECT_EQ(tlvs->Find(2), "shop.example");
  EXPECT_EQ(tlvs->Find(0xea), "\x01vpce-1");
  EXPECT_EQ(tlvs->Find(5), "");
}

TEST(ProxyTlvsTest, OfTwoOfATypeTheFirstCounts) {
  EXPECT_EQ(Read(Tlv(2, "a") + Tlv(2, "b"))->Find(2), "a");
}

TEST(ProxyTlvsTest, ThereMayBeNone) {
  const auto tlvs = Read("");
  ASSERT_TRUE(tlvs.has_value());
  EXPECT_EQ(tlvs->Find(2), "");
}

TEST(ProxyTlvsTest, WhatIsSaidOfTlsStandsWithin) {
  const std::string tls = std::string("\x07\0\0\0\0", 5) + Tlv(0x21, "TLSv1.3") + Tlv(0x22, "me");
  const auto tlvs = Read(Tlv(0x22, "outside") + Tlv(0x20, tls));
  EXPECT_EQ(tlvs->Find(0x21), "TLSv1.3");
  EXPECT_EQ(tlvs->Find(0x22), "me");
  EXPECT_EQ(tlvs->Find(0x23), "");
  for (const std::string& cut : {std::string("\x07"), tls.substr(0, 5), tls.substr(0, 12)}) {
    EXPECT_EQ(Read(Tlv(0x20, cut))->Find(0x21), "");
  }
}

TEST(ProxyTlvsTest, OneThatIsCutIsRefused) {
  const std::string whole = Tlv(2, "shop.example");
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(Read(whole.substr(0, size)).has_value()) << size;
    EXPECT_FALSE(Read(Tlv(4, "") + whole.substr(0, size)).has_value()) << size;
  }
}

TEST(ProxyTlvsTest, AChecksumIsOverAllOfTheHeader) {
  const std::string additions = Checked(Tlv(2, "shop.example"), Tlv(5, "id"));
  const auto tlvs = Read(additions);
  ASSERT_TRUE(tlvs.has_value());
  EXPECT_EQ(tlvs->Find(2), "shop.example");
  const std::string whole = kBefore + additions;
  for (const size_t at : {size_t{0}, kBefore.size() + 5, kBefore.size() + 19, whole.size() - 1}) {
    std::string changed = whole;
    changed[at] ^= 1;
    EXPECT_FALSE(ProxyTlvs::Read(changed, kBefore.size()).has_value()) << at;
  }
}

TEST(ProxyTlvsTest, AChecksumHasFourBytes) {
  EXPECT_FALSE(Read(Tlv(3, "")).has_value());
  EXPECT_FALSE(Read(Tlv(3, "12345")).has_value());
}

TEST(ProxyTlvsTest, WhatIsTooMuchIsNotKept) {
  const std::string large(ProxyTlvs::kMaxKept, 'x');
  const auto tlvs = Read(Tlv(4, large) + Tlv(0xe0, large) + Tlv(2, "shop.example"));
  ASSERT_TRUE(tlvs.has_value());
  EXPECT_EQ(tlvs->Find(0xe0), "");
  EXPECT_EQ(tlvs->Find(4), "");
  EXPECT_EQ(tlvs->Find(2), "shop.example");
}

}  // namespace
}  // namespace sluice::net
