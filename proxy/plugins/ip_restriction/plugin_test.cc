#include "proxy/plugins/ip_restriction/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/ip_restriction.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::HasSubstr;

class IpRestrictionTest : public ::testing::Test {
 protected:
  bool Passes(absl::string_view client) {
    h_.SetClient(client);
    h_.Request("GET", "/");
    return h_.was_forwarded();
  }

  PluginHarness h_;
};

TEST_F(IpRestrictionTest, WhereSomeAreAllowedAllOthersAreRefused) {
  h_.Add(&MakeIpRestriction, "allow: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']");
  EXPECT_TRUE(Passes("10.255.0.1"));
  EXPECT_TRUE(Passes("2001:db8::1"));
  EXPECT_TRUE(Passes("192.0.2.7"));
  EXPECT_FALSE(Passes("192.0.2.8"));
  EXPECT_FALSE(Passes("11.0.0.0"));
  EXPECT_FALSE(Passes("2001:db9::1"));
  EXPECT_EQ(h_.reply().status, 403);
  EXPECT_STREQ(h_.reply().details, "ip_denied");
}

TEST_F(IpRestrictionTest, WhereSomeAreDeniedAllOthersPass) {
  h_.Add(&MakeIpRestriction, "deny: ['10.0.0.0/8']");
  EXPECT_FALSE(Passes("10.0.0.1"));
  EXPECT_TRUE(Passes("9.255.255.255"));
  EXPECT_TRUE(Passes("::1"));
}

TEST_F(IpRestrictionTest, DenyWinsOverAllow) {
  h_.Add(&MakeIpRestriction, "allow: ['10.0.0.0/8'] deny: ['10.1.0.0/16']");
  EXPECT_TRUE(Passes("10.0.0.1"));
  EXPECT_FALSE(Passes("10.1.2.3"));
}

TEST_F(IpRestrictionTest, EveryIpv4AddressIsNotEveryIpv6Address) {
  h_.Add(&MakeIpRestriction, "deny: ['0.0.0.0/0']");
  EXPECT_FALSE(Passes("255.255.255.255"));
  EXPECT_TRUE(Passes("2001:db8::1"));
}

TEST_F(IpRestrictionTest, TheMessageIsTheBody) {
  h_.Add(&MakeIpRestriction, "deny: ['0.0.0.0/0'] message: 'Call us.'");
  EXPECT_FALSE(Passes("10.0.0.1"));
  EXPECT_EQ(h_.response_body(), "Call us.");
}

TEST_F(IpRestrictionTest, WithoutAMessageTheStandardBodyIsSent) {
  h_.Add(&MakeIpRestriction, "deny: ['0.0.0.0/0']");
  EXPECT_FALSE(Passes("10.0.0.1"));
  EXPECT_EQ(h_.reply().body, "");
  EXPECT_FALSE(h_.reply().no_body);
}

TEST(MakeIpRestrictionTest, WhatIsNoAddressIsRefusedWithItsField) {
  const auto problem = [](absl::string_view config) {
    return std::string(MakeIpRestriction(ConfigFrom<v1::IpRestriction>(config)).status().message());
  };
  EXPECT_THAT(problem("allow: ['10.0.0.0/8', '10.0.0.0/33']"), HasSubstr("allow[1]: "));
  for (const char* text : {"", "10.0.0", "10.0.0.256", "::1::", "a", "10.0.0.1/", "10.0.0.1/-1"}) {
    EXPECT_THAT(problem(absl::StrCat("deny: '", text, "'")), HasSubstr("deny[0]: ")) << text;
  }
}

}  // namespace
}  // namespace sluice::plugins
