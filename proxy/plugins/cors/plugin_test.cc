#include "proxy/plugins/cors/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/cors.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class CorsTest : public ::testing::Test {
 protected:
  void Preflight(absl::string_view origin, absl::string_view method = "PUT",
                 PluginHarness::HeaderList more = {}) {
    more.emplace_back("origin", origin);
    more.emplace_back("access-control-request-method", method);
    h_.Request("OPTIONS", "/", more);
  }
  void Get(absl::string_view origin) { h_.Request("GET", "/", {{"origin", std::string(origin)}}); }

  std::string Header(absl::string_view name) {
    return std::string(h_.response().headers.Get(name));
  }
  // Every value of it, in order.
  std::vector<std::string> Vary() {
    std::vector<std::string> values;
    const http::HeaderMap& headers = h_.response().headers;
    for (const auto* e = headers.Find("vary"); e != nullptr; e = headers.Next(e)) {
      values.emplace_back(e->value());
    }
    return values;
  }
  bool IsAllowed(absl::string_view origin) {
    Get(origin);
    return !Header("access-control-allow-origin").empty();
  }

  PluginHarness h_;
};

TEST_F(CorsTest, APreflightIsAnsweredWithoutTheUpstream) {
  h_.Add(&MakeCors, "max_age {seconds: 600}");
  Preflight("https://a.example", "PUT", {{"access-control-request-headers", "x-a, authorization"}});
  EXPECT_FALSE(h_.was_forwarded());
  EXPECT_EQ(h_.response().status, 204);
  EXPECT_EQ(Header("access-control-allow-origin"), "*");
  EXPECT_EQ(Header("access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
  EXPECT_EQ(Header("access-control-allow-headers"), "x-a, authorization");
  EXPECT_EQ(Header("access-control-max-age"), "600");
  EXPECT_THAT(Vary(), UnorderedElementsAre("access-control-request-method",
                                           "access-control-request-headers"));
}

TEST_F(CorsTest, APreflightOfAnotherSiteIsRefused) {
  h_.Add(&MakeCors, "allow_origins: 'https://a.example'");
  Preflight("https://b.example");
  EXPECT_EQ(h_.response().status, 403);
  EXPECT_STREQ(h_.reply().details, "cors_origin_refused");
  EXPECT_EQ(Header("access-control-allow-origin"), "");
}

TEST_F(CorsTest, OptionsThatIsNoPreflightReachesTheUpstream) {
  h_.Add(&MakeCors);
  h_.Request("OPTIONS", "/", {{"origin", "https://a.example"}});
  EXPECT_TRUE(h_.was_forwarded());
  h_.Request("OPTIONS", "/", {{"access-control-request-method", "PUT"}});
  EXPECT_TRUE(h_.was_forwarded());
}

TEST_F(CorsTest, StarsEchoWhatThePreflightAsksFor) {
  h_.Add(&MakeCors, "allow_origins: '~.*' allow_credentials: true allow_methods: '*'");
  Preflight("https://a.example", "PURGE", {{"access-control-request-headers", "x-b"}});
  EXPECT_EQ(Header("access-control-allow-methods"), "PURGE");
  EXPECT_EQ(Header("access-control-allow-headers"), "x-b");
  EXPECT_EQ(Header("access-control-allow-credentials"), "true");
}

TEST_F(CorsTest, ListedMethodsAndHeadersAreToldWhateverIsAskedFor) {
  h_.Add(&MakeCors, "allow_methods: ['GET', 'PUT'] allow_headers: ['x-a', 'x-b']");
  Preflight("https://a.example", "DELETE", {{"access-control-request-headers", "x-evil"}});
  EXPECT_EQ(Header("access-control-allow-methods"), "GET, PUT");
  EXPECT_EQ(Header("access-control-allow-headers"), "x-a, x-b");
}

TEST_F(CorsTest, PrivateNetworkIsAllowedOnlyWhereAskedForAndConfigured) {
  const PluginHarness::HeaderList asks = {{"access-control-request-private-network", "true"}};
  PluginHarness strict;
  strict.Add(&MakeCors);
  strict.Request(
      "OPTIONS", "/",
      {{"origin", "https://a.example"}, {"access-control-request-method", "GET"}, asks[0]});
  EXPECT_EQ(strict.response().headers.Find("access-control-allow-private-network"), nullptr);
  h_.Add(&MakeCors, "allow_private_network: true");
  Preflight("https://a.example", "GET", asks);
  EXPECT_EQ(Header("access-control-allow-private-network"), "true");
  Preflight("https://a.example", "GET");
  EXPECT_EQ(Header("access-control-allow-private-network"), "");
}

TEST_F(CorsTest, AResponseNamesItsOriginAndVariesByIt) {
  h_.Add(
      &MakeCors,
      "allow_origins: 'https://a.example' allow_credentials: true expose_headers: ['x-a','x-b']");
  Get("https://a.example");
  EXPECT_TRUE(h_.was_forwarded());
  EXPECT_EQ(Header("access-control-allow-origin"), "https://a.example");
  EXPECT_EQ(Header("access-control-allow-credentials"), "true");
  EXPECT_EQ(Header("access-control-expose-headers"), "x-a, x-b");
  EXPECT_THAT(Vary(), ElementsAre("origin"));
}

TEST_F(CorsTest, ARequestWithoutOriginVariesAllTheSame) {
  h_.Add(&MakeCors, "allow_origins: 'https://a.example'");
  h_.Request("GET", "/");
  EXPECT_EQ(Header("access-control-allow-origin"), "");
  EXPECT_THAT(Vary(), ElementsAre("origin"));
}

TEST_F(CorsTest, WhatIsTheSameForAllDoesNotVary) {
  h_.Add(&MakeCors);
  Get("https://a.example");
  EXPECT_EQ(Header("access-control-allow-origin"), "*");
  EXPECT_THAT(Vary(), IsEmpty());
}

TEST_F(CorsTest, AVaryOfTheUpstreamIsKeptAndNotRepeated) {
  h_.Add(&MakeCors, "allow_origins: 'https://a.example'");
  h_.SetUpstreamResponse(200, {{"vary", "Accept, Origin"}});
  Get("https://a.example");
  EXPECT_THAT(Vary(), ElementsAre("Accept, Origin"));
}

TEST_F(CorsTest, HeadersOfTheUpstreamAreReplaced) {
  h_.Add(&MakeCors, "allow_origins: 'https://a.example'");
  h_.SetUpstreamResponse(
      200, {{"access-control-allow-origin", "*"}, {"access-control-allow-credentials", "true"}});
  Get("https://b.example");
  EXPECT_EQ(Header("access-control-allow-origin"), "");
  EXPECT_EQ(Header("access-control-allow-credentials"), "");
}

TEST_F(CorsTest, ARefusalByAnotherPluginCanBeReadByTheScript) {
  h_.Add(&MakeCors);
  h_.SetUpstreamResponse(401);
  Get("https://a.example");
  EXPECT_EQ(Header("access-control-allow-origin"), "*");
}

TEST_F(CorsTest, AStarInTheHostStandsForOneOrMoreNamesBelow) {
  h_.Add(&MakeCors, "allow_origins: 'https://*.example.com'");
  EXPECT_TRUE(IsAllowed("https://a.example.com"));
  EXPECT_TRUE(IsAllowed("https://a.b.example.com"));
  EXPECT_FALSE(IsAllowed("https://example.com"));
  EXPECT_FALSE(IsAllowed("http://a.example.com"));
  EXPECT_FALSE(IsAllowed("https://a.example.com:8443"));
  EXPECT_FALSE(IsAllowed("https://a.example.com.evil.net"));
  EXPECT_FALSE(IsAllowed("https://evil.net/.example.com"));
  EXPECT_FALSE(IsAllowed("https://user@evil.net:1.example.com"));
}

TEST_F(CorsTest, AnExpressionMustMatchTheWholeOrigin) {
  h_.Add(&MakeCors, "allow_origins: '~https://app[0-9]+[.]example[.]com'");
  EXPECT_TRUE(IsAllowed("https://app12.example.com"));
  EXPECT_FALSE(IsAllowed("https://app12.example.com.evil.net"));
  EXPECT_FALSE(IsAllowed("xhttps://app12.example.com"));
}

TEST_F(CorsTest, NullIsAllowedOnlyByName) {
  h_.Add(&MakeCors, "allow_origins: 'https://a.example'");
  EXPECT_FALSE(IsAllowed("null"));
  PluginHarness other;
  other.Add(&MakeCors, "allow_origins: 'null'");
  other.Request("GET", "/", {{"origin", "null"}});
  EXPECT_EQ(other.response().headers.Get("access-control-allow-origin"), "null");
}

}  // namespace
}  // namespace sluice::plugins
