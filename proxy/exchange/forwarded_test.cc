#include "proxy/exchange/forwarded.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::exchange {
namespace {

using http::HeaderId;

class ForwardedTest : public ::testing::Test {
 protected:
  ForwardedTest() { head_.authority = "api.example"; }

  Client Apply(absl::string_view peer, bool is_secure = false) {
    return ApplyForwarded(head_, *net::IpAddress::Parse(peer), is_secure, trusted_);
  }
  std::string Get(absl::string_view name) { return std::string(head_.headers.Get(name)); }

  net::BlockPool pool_{1 << 20};
  char memory_[4096];
  http::Arena arena_{pool_, memory_, memory_ + sizeof(memory_)};
  http::RequestHead head_{arena_};
  // 10.0.0.0/8 and one IPv6 network.
  std::vector<net::IpRange> trusted_ = {*net::IpRange::Parse("10.0.0.0/8"),
                                        *net::IpRange::Parse("fd00::/8")};
};

TEST_F(ForwardedTest, AnUntrustedPeerIsTheClientWhateverItClaims) {
  head_.headers.Add("x-forwarded-for", "1.1.1.1");
  head_.headers.Add("x-forwarded-proto", "https");
  head_.headers.Add("x-forwarded-host", "evil.example");
  const Client client = Apply("203.0.113.9");
  EXPECT_EQ(client.ip.ToString(), "203.0.113.9");
  EXPECT_EQ(client.scheme, "http");
  EXPECT_EQ(Get("x-forwarded-for"), "203.0.113.9");
  EXPECT_EQ(Get("x-forwarded-proto"), "http");
  EXPECT_EQ(Get("x-forwarded-host"), "api.example");
}

TEST_F(ForwardedTest, AnUntrustedPeersOtherClaimsAreRemoved) {
  head_.headers.Add("forwarded", "for=1.1.1.1");
  head_.headers.Add("x-forwarded-user", "root");
  head_.headers.Add("X-Forwarded-Port", "443");
  head_.headers.Add("x-forwardedness", "harmless");
  Apply("203.0.113.9");
  EXPECT_FALSE(head_.headers.Has(HeaderId::kForwarded));
  EXPECT_EQ(Get("x-forwarded-user"), "");
  EXPECT_EQ(Get("x-forwarded-port"), "");
  EXPECT_EQ(Get("x-forwardedness"), "harmless");
}

TEST_F(ForwardedTest, ATrustedPeerNamesTheClientAndIsAppended) {
  head_.headers.Add("x-forwarded-for", "203.0.113.9");
  head_.headers.Add("x-forwarded-proto", "https");
  head_.headers.Add("x-forwarded-host", "shop.example");
  const Client client = Apply("10.1.2.3");
  EXPECT_TRUE(client.is_peer_trusted);
  EXPECT_EQ(client.ip.ToString(), "203.0.113.9");
  EXPECT_EQ(client.scheme, "https");
  EXPECT_EQ(Get("x-forwarded-for"), "203.0.113.9, 10.1.2.3");
  EXPECT_EQ(Get("x-forwarded-host"), "shop.example");
}

TEST_F(ForwardedTest, TheClientIsTheFirstFromTheRightThatIsNoTrustedProxy) {
  head_.headers.Add("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.9.9.9 ,fd00::1");
  EXPECT_EQ(Apply("10.1.2.3").ip.ToString(), "203.0.113.9");
}

TEST_F(ForwardedTest, WhereAllAreTrustedTheLeftmostIsTheClient) {
  head_.headers.Add("x-forwarded-for", "10.3.3.3, 10.2.2.2");
  EXPECT_EQ(Apply("10.1.2.3").ip.ToString(), "10.3.3.3");
}

TEST_F(ForwardedTest, LeftOfSomethingThatIsNoAddressNothingIsBelieved) {
  head_.headers.Add("x-forwarded-for", "1.1.1.1, unknown, 10.2.2.2");
  EXPECT_EQ(Apply("10.1.2.3").ip.ToString(), "10.2.2.2");
}

TEST_F(ForwardedTest, SeveralHeadersAreOneList) {
  head_.headers.Add("x-forwarded-for", "1.1.1.1");
  head_.headers.Add("x-forwarded-for", "203.0.113.9");
  const Client client = Apply("10.1.2.3");
  EXPECT_EQ(client.ip.ToString(), "203.0.113.9");
  EXPECT_EQ(Get("x-forwarded-for"), "1.1.1.1, 203.0.113.9, 10.1.2.3");
}

TEST_F(ForwardedTest, ElementsMayHavePortsAndBrackets) {
  head_.headers.Add("x-forwarded-for", "203.0.113.9:4711, [fd00::1]:80, [fd00::2]");
  EXPECT_EQ(Apply("10.1.2.3").ip.ToString(), "203.0.113.9");
}

TEST_F(ForwardedTest, ASchemeThatIsNoneIsNotBelieved) {
  head_.headers.Add("x-forwarded-proto", "gopher");
  EXPECT_EQ(Apply("10.1.2.3", /*is_secure=*/true).scheme, "https");
  EXPECT_EQ(Get("x-forwarded-proto"), "https");
}

TEST_F(ForwardedTest, ATrustedPeerThatSaysNothingIsTheClient) {
  const Client client = Apply("10.1.2.3");
  EXPECT_EQ(client.ip.ToString(), "10.1.2.3");
  EXPECT_EQ(Get("x-forwarded-for"), "10.1.2.3");
  EXPECT_EQ(Get("x-forwarded-host"), "api.example");
}

}  // namespace
}  // namespace sluice::exchange
