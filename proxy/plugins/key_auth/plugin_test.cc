#include "proxy/plugins/key_auth/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/key_auth.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::HasSubstr;

class KeyAuthTest : public ::testing::Test {
 protected:
  void Configure(absl::string_view config) {
    h_.AddConsumer("alice", "gold", "s3cret");
    h_.AddConsumer("bob", "", "a key&of+bob");
    h_.Add(&MakeKeyAuth, config);
  }

  PluginHarness h_;
};

TEST_F(KeyAuthTest, AKnownKeyAdmitsAndTellsWhoItIs) {
  Configure("");
  h_.Request("GET", "/", {{"apikey", "s3cret"}});
  EXPECT_TRUE(h_.was_forwarded());
  EXPECT_EQ(h_.stream().consumer_name(), "alice");
  EXPECT_EQ(h_.stream().consumer_group(), "gold");
}

TEST_F(KeyAuthTest, WithoutAKeyTheAnswerIs401WithAChallenge) {
  Configure("");
  h_.Request("GET", "/");
  EXPECT_FALSE(h_.was_forwarded());
  EXPECT_EQ(h_.reply().status, 401);
  EXPECT_STREQ(h_.reply().details, "key_auth_missing");
  EXPECT_EQ(h_.response().headers.Get("www-authenticate"), "Key realm=\"sluice\"");
}

TEST_F(KeyAuthTest, AnUnknownKeyIs401AndNobodyIsSet) {
  Configure("realm: 'orders'");
  h_.Request("GET", "/", {{"apikey", "s3cres"}});
  EXPECT_EQ(h_.reply().status, 401);
  EXPECT_STREQ(h_.reply().details, "key_auth_unknown");
  EXPECT_EQ(h_.stream().consumer_name(), "");
  EXPECT_EQ(h_.response().headers.Get("www-authenticate"), "Key realm=\"orders\"");
}

TEST_F(KeyAuthTest, TheQueryIsLookedAtWhereTheHeaderIsMissing) {
  Configure("");
  h_.Request("GET", "/?apikey=s3cret");
  EXPECT_EQ(h_.stream().consumer_name(), "alice");
}

TEST_F(KeyAuthTest, AKeyInTheQueryIsDecoded) {
  Configure("");
  h_.Request("GET", "/?apikey=a%20key%26of%2Bbob");
  EXPECT_EQ(h_.stream().consumer_name(), "bob");
}

TEST_F(KeyAuthTest, AWrongHeaderIsNotRescuedByTheQuery) {
  Configure("");
  h_.Request("GET", "/?apikey=s3cret", {{"apikey", "wrong"}});
  EXPECT_EQ(h_.reply().status, 401);
}

TEST_F(KeyAuthTest, NamesCanBeChosen) {
  Configure("header: 'X-Token' query: 'token'");
  h_.Request("GET", "/", {{"x-token", "s3cret"}});
  EXPECT_TRUE(h_.was_forwarded());
  h_.Request("GET", "/?token=s3cret");
  EXPECT_TRUE(h_.was_forwarded());
  h_.Request("GET", "/?apikey=s3cret", {{"apikey", "s3cret"}});
  EXPECT_EQ(h_.reply().status, 401);
}

TEST_F(KeyAuthTest, ADashTurnsTheQueryOff) {
  Configure("query: '-'");
  h_.Request("GET", "/?apikey=s3cret&-=s3cret");
  EXPECT_EQ(h_.reply().status, 401);
}

TEST_F(KeyAuthTest, TheUpstreamDoesNotSeeTheKey) {
  Configure("");
  h_.Request("GET", "/a?x=1&apikey=s3cret&y=2", {{"apikey", "s3cret"}, {"accept", "*/*"}});
  EXPECT_TRUE(h_.was_forwarded());
  EXPECT_EQ(h_.target(), "/a?x=1&y=2");
  EXPECT_EQ(h_.request().headers.Find("apikey"), nullptr);
  EXPECT_EQ(h_.request().headers.Get("accept"), "*/*");
}

TEST_F(KeyAuthTest, AQueryOfNothingButTheKeyIsGone) {
  Configure("");
  h_.Request("GET", "/a?apikey=s3cret");
  EXPECT_EQ(h_.target(), "/a");
}

TEST_F(KeyAuthTest, TheKeyIsLeftInPlaceIfItShouldBe) {
  Configure("hide_credentials: false");
  h_.Request("GET", "/a?apikey=s3cret", {{"apikey", "s3cret"}});
  EXPECT_EQ(h_.target(), "/a?apikey=s3cret");
  EXPECT_EQ(h_.request().headers.Get("apikey"), "s3cret");
}

TEST_F(KeyAuthTest, AGlobalRuleThatHidTheKeySatisfiesTheRoute) {
  Configure("");
  h_.AddGlobal(&MakeKeyAuth, "");
  h_.Request("GET", "/", {{"apikey", "s3cret"}});
  EXPECT_TRUE(h_.was_forwarded());
  EXPECT_EQ(h_.stream().consumer_name(), "alice");
}

TEST_F(KeyAuthTest, AnEmptyKeyIsAMissingOne) {
  Configure("");
  h_.Request("GET", "/?apikey=", {{"apikey", ""}});
  EXPECT_STREQ(h_.reply().details, "key_auth_missing");
}

TEST_F(KeyAuthTest, AnEndlessKeyIsUnknown) {
  Configure("");
  h_.Request("GET", "/", {{"apikey", std::string(60'000, 'k')}});
  EXPECT_STREQ(h_.reply().details, "key_auth_unknown");
}

TEST_F(KeyAuthTest, MalformedQueriesNeitherCrashNorAdmit) {
  Configure("");
  std::mt19937 random(5);
  const std::string alphabet = "apikey=&%+2?s3crt";
  for (int i = 0; i < 20'000; ++i) {
    std::string query;
    for (size_t n = random() % 24; n > 0; --n) query += alphabet[random() % alphabet.size()];
    if (query.find("apikey=s3cret") != std::string::npos) continue;
    h_.Request("GET", "/?" + query);
    ASSERT_FALSE(h_.was_forwarded()) << query;
  }
}

TEST(MakeKeyAuthTest, WhatCannotBeUsedIsRefusedWithItsField) {
  const auto problem = [](absl::string_view config) {
    return std::string(MakeKeyAuth(ConfigFrom<v1::KeyAuth>(config)).status().message());
  };
  EXPECT_THAT(problem("header: 'a b'"), HasSubstr("header: is no header name, got \"a b\""));
  EXPECT_THAT(problem("realm: 'a\"b'"), HasSubstr("realm: "));
  EXPECT_THAT(problem("realm: 'a\\r\\nset-cookie: x'"), HasSubstr("realm: "));
}

}  // namespace
}  // namespace sluice::plugins
