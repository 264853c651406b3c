#include "proxy/net/address.h"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(IpAddressTest, BothFamiliesKeepTheirText) {
  for (const char* text : {"1.2.3.4", "255.255.255.255", "0.0.0.0", "::1", "2001:db8::7"}) {
    ASSERT_TRUE(IpAddress::Parse(text).has_value()) << text;
    EXPECT_EQ(IpAddress::Parse(text)->ToString(), text);
  }
}

TEST(IpAddressTest, WhatIsNoAddressIsRefused) {
  for (const char* text : {"", "1.2.3", "1.2.3.256", "01.2.3.4", "a", "::g", "1.2.3.4 "}) {
    EXPECT_FALSE(IpAddress::Parse(text).has_value()) << text;
  }
}

// A Host of "[::1\0x]" was taken for a valid authority.
TEST(IpAddressTest, TextBehindANulIsNotIgnored) {
  EXPECT_FALSE(IpAddress::Parse(absl::string_view("::1\0x", 5)).has_value());
}

TEST(IpAddressTest, AMappedAddressEqualsItsV4Form) {
  EXPECT_EQ(IpAddress::Parse("::ffff:1.2.3.4"), IpAddress::Parse("1.2.3.4"));
}

TEST(IpRangeTest, ContainsWhatSharesThePrefix) {
  const auto range = IpRange::Parse("10.1.0.0/15");
  ASSERT_TRUE(range.has_value());
  EXPECT_TRUE(range->Contains(*IpAddress::Parse("10.0.255.1")));
  EXPECT_TRUE(range->Contains(*IpAddress::Parse("10.1.2.3")));
  EXPECT_FALSE(range->Contains(*IpAddress::Parse("10.2.0.0")));
  EXPECT_FALSE(range->Contains(*IpAddress::Parse("::1")));
}

TEST(IpRangeTest, ASingleAddressContainsOnlyItself) {
  const auto range = IpRange::Parse("::1");
  ASSERT_TRUE(range.has_value());
  EXPECT_TRUE(range->Contains(*IpAddress::Parse("::1")));
  EXPECT_FALSE(range->Contains(*IpAddress::Parse("::2")));
}

TEST(IpRangeTest, ZeroBitsContainTheWholeFamilyOnly) {
  const auto range = IpRange::Parse("0.0.0.0/0");
  ASSERT_TRUE(range.has_value());
  EXPECT_TRUE(range->Contains(*IpAddress::Parse("200.1.1.1")));
  EXPECT_FALSE(range->Contains(*IpAddress::Parse("2001::1")));
}

TEST(IpRangeTest, ABadPrefixIsRefused) {
  for (const char* text :
       {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "::/129", "/8"}) {
    EXPECT_FALSE(IpRange::Parse(text).has_value()) << text;
  }
}

TEST(AddressTest, TextGoesRoundThroughTheKernelsForm) {
  for (const char* text : {"1.2.3.4:80", "[::1]:65535", "0.0.0.0:0"}) {
    const auto address = Address::Parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    sockaddr_storage storage;
    address->ToSockaddr(storage);
    EXPECT_EQ(Address::FromSockaddr(storage).ToString(), text);
  }
}

TEST(AddressTest, WhatIsNoSocketAddressIsRefused) {
  for (const char* text : {"1.2.3.4", "::1:80", "[1.2.3.4]:80", "1.2.3.4:65536", "1.2.3.4:", "x:80",
                           "1.2.3.4:+80", "[::1]80"}) {
    EXPECT_FALSE(Address::Parse(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace sluice::net
