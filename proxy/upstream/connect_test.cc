// Whom a connection is opened to, by what the upstream says. The handshake: proxy/net/tls.
#include "proxy/upstream/connect.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "proxy/net/tls/testing/authority.h"

namespace sluice::upstream {
namespace {

using net::tls::ClientContext;
using net::tls::ClientSettings;

Tls TlsOf(ClientSettings settings = {}) {
  return {.context = *ClientContext::Make(std::move(settings))};
}

// The name that an endpoint configured as `text`, at `address`, is asked for.
std::string NameOf(const Tls& tls, const std::string& text, const std::string& address) {
  Settings settings;
  settings.tls = std::make_shared<const Tls>(tls);
  Endpoint endpoint;
  endpoint.name = text;
  endpoint.address = *net::Address::Parse(address);
  return DestinationOf(settings, endpoint).server_name;
}

TEST(DestinationTest, AnEndpointIsAskedForByItsName) {
  EXPECT_EQ(NameOf(TlsOf(), "Orders.internal:443", "10.0.0.1:443"), "orders.internal");
  EXPECT_EQ(NameOf(TlsOf(), "orders.internal.:443", "10.0.0.1:443"), "orders.internal");
}

TEST(DestinationTest, AnAddressIsAskedForByTheNameInHostOrHasToBeItself) {
  Tls tls = TlsOf();
  EXPECT_EQ(NameOf(tls, "10.0.0.1:443", "10.0.0.1:443"), "10.0.0.1");
  EXPECT_EQ(NameOf(tls, "[2001:db8::1]:443", "[2001:db8::1]:443"), "2001:db8::1");
  tls.name_of_addresses = "a.example";
  EXPECT_EQ(NameOf(tls, "10.0.0.1:443", "10.0.0.1:443"), "a.example");
  EXPECT_EQ(NameOf(tls, "orders.internal:443", "10.0.0.1:443"), "orders.internal");
}

TEST(DestinationTest, AConfiguredNameGoesBeforeAllOthers) {
  Tls tls = TlsOf();
  tls.sni = "b.example";
  tls.name_of_addresses = "a.example";
  EXPECT_EQ(NameOf(tls, "10.0.0.1:443", "10.0.0.1:443"), "b.example");
  EXPECT_EQ(NameOf(tls, "orders.internal:443", "10.0.0.1:443"), "b.example");
}

TEST(DestinationTest, WithoutTlsNobodyHasToBeAnybody) {
  Endpoint endpoint;
  endpoint.name = "orders.internal:80";
  EXPECT_EQ(DestinationOf(Settings(), endpoint).server_name, "");
}

TEST(SameTlsTest, ConnectionsAreAsGoodWhereTrustAndIdentityAreTheSame) {
  net::tls::testing::Authority one("one"), two("two");
  const auto mine = one.Issue({.common_name = "mine"});
  const auto other = one.Issue({.common_name = "mine"});
  const auto with = [](const net::tls::testing::Authority& trusted, const auto* issued,
                       const std::string& protocol = "h2", std::vector<std::string> names = {}) {
    ClientSettings settings;
    settings.trust = *net::tls::Trust::FromPem(trusted.pem());
    if (issued != nullptr) {
      settings.certificate = *net::tls::Certificate::Load({issued->chain_pem, issued->key_pem, ""});
    }
    settings.protocol = protocol;
    settings.subject_alt_names = std::move(names);
    return TlsOf(std::move(settings));
  };
  const Tls base = with(one, &mine);
  const auto same = [&base](const Tls& tls) { return SameTls(&base, &tls); };
  EXPECT_TRUE(same(with(one, &mine)));
  EXPECT_FALSE(same(with(two, &mine)));
  EXPECT_FALSE(same(with(one, &other)));
  EXPECT_FALSE(same(with(one, static_cast<decltype(&mine)>(nullptr))));
  EXPECT_FALSE(same(with(one, &mine, "http/1.1")));
  EXPECT_FALSE(same(with(one, &mine, "h2", {"a.example"})));
  EXPECT_FALSE(SameTls(&base, nullptr));
  EXPECT_TRUE(SameTls(nullptr, nullptr));
}

}  // namespace
}  // namespace sluice::upstream
