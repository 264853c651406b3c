#include "proxy/plugins/consumer_restriction/plugin.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/consumer_restriction.pb.h"

namespace sluice::plugins {
namespace {

class ConsumerRestrictionTest : public ::testing::Test {
 protected:
  // What a request of this consumer is answered.
  int StatusFor(absl::string_view name, absl::string_view group = "") {
    h_.SetCaller(name, group);
    h_.Request("GET", "/");
    return h_.response().status;
  }

  PluginHarness h_;
};

TEST_F(ConsumerRestrictionTest, NobodyGets403WithoutAChallengeThatNoPluginWouldTake) {
  h_.Add(&MakeConsumerRestriction, "deny {consumers: 'eve'}");
  EXPECT_EQ(StatusFor(""), 403);
  EXPECT_EQ(h_.response().headers.Find("www-authenticate"), nullptr);
  EXPECT_STREQ(h_.reply().details, "consumer_unknown");
}

TEST_F(ConsumerRestrictionTest, WhereSomeAreAllowedAllOthersGet403) {
  h_.Add(&MakeConsumerRestriction, "allow {consumers: 'alice' consumer_groups: 'gold'}");
  EXPECT_EQ(StatusFor("alice"), 200);
  EXPECT_EQ(StatusFor("bob", "gold"), 200);
  EXPECT_EQ(StatusFor("bob"), 403);
  EXPECT_EQ(StatusFor("bob", "silver"), 403);
  EXPECT_STREQ(h_.reply().details, "consumer_denied");
}

TEST_F(ConsumerRestrictionTest, WhereSomeAreDeniedAllOthersPass) {
  h_.Add(&MakeConsumerRestriction, "deny {consumers: 'eve' consumer_groups: 'suspended'}");
  EXPECT_EQ(StatusFor("alice", "gold"), 200);
  EXPECT_EQ(StatusFor("eve", "gold"), 403);
  EXPECT_EQ(StatusFor("alice", "suspended"), 403);
}

TEST_F(ConsumerRestrictionTest, DenyWinsOverAllow) {
  h_.Add(&MakeConsumerRestriction, "allow {consumer_groups: 'gold'} deny {consumers: 'eve'}");
  EXPECT_EQ(StatusFor("alice", "gold"), 200);
  EXPECT_EQ(StatusFor("eve", "gold"), 403);
}

TEST_F(ConsumerRestrictionTest, AConsumerIsNotAGroupOfTheSameName) {
  h_.Add(&MakeConsumerRestriction, "allow {consumers: 'gold'}");
  EXPECT_EQ(StatusFor("alice", "gold"), 403);
}

TEST_F(ConsumerRestrictionTest, NoNameButTheListedOneEverPasses) {
  h_.Add(&MakeConsumerRestriction, "allow {consumers: 'alice'}");
  std::mt19937 random(9);
  for (int i = 0; i < 2'000; ++i) {
    std::string name = "alice";
    name[random() % name.size()] = static_cast<char>(random());
    if (random() % 4 == 0) name += static_cast<char>(random());
    if (name == "alice") continue;
    ASSERT_EQ(StatusFor(name), 403) << name;
  }
}

}  // namespace
}  // namespace sluice::plugins
