#include "proxy/plugins/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "api/validate/field.h"
#include "api/validate/plugins/registry.h"
#include "api/validate/transcoding/testing/shop.h"
#include "base/clock.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/message.h"
#include "proxy/plugins/limit_count/counter_table.h"
#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/disabled.pb.h"
#include "sluice/plugins/v1/key_auth.pb.h"

namespace sluice::plugins {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RegistryTest : public ::testing::Test {
 protected:
  absl::StatusOr<Element> Make(absl::string_view name, const google::protobuf::Message& config) {
    google::protobuf::Any any;
    any.PackFrom(config);
    return registry_.Make(name, any, {"Route", "orders"});
  }

  ManualClock clock_;
  CounterTable counters_{clock_, {1, 2}, 64};
  Registry registry_{counters_};
};

TEST_F(RegistryTest, HasThePluginsThatAConfigurationMayName) {
  std::vector<std::string> known;
  for (const validate::Plugin& plugin : validate::Plugins()) known.push_back(plugin.name);
  EXPECT_EQ(registry_.names(), known);
}

TEST_F(RegistryTest, AnElementHasNamePhaseAndPlaceOfItsMessage) {
  for (const validate::Plugin& plugin : validate::Plugins()) {
    std::unique_ptr<google::protobuf::Message> config(plugin.prototype->New());
    if (plugin.name == "limit_count") {
      internal::ParseTextOrDie("count: 1 window {seconds: 1}", *config);
    }
    if (plugin.name == "grpc_json") {
      internal::ParseTextOrDie(
          std::string("services: 'shop.v1.Prices' descriptor_set: '") + validate::kShop + "'",
          *config);
    }
    const absl::StatusOr<Element> element = Make(plugin.name, *config);
    ASSERT_TRUE(element.ok()) << element.status();
    EXPECT_EQ(element->name, plugin.name);
    EXPECT_EQ(static_cast<int>(element->phase), static_cast<int>(plugin.phase));
    EXPECT_EQ(element->place, plugin.order);
    EXPECT_NE(element->instance.ops, nullptr);
  }
}

TEST_F(RegistryTest, WhatAFactoryRefusesIsNamedByItsField) {
  const auto made = Make("key_auth", ConfigFrom<v1::KeyAuth>("header: 'a b'"));
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("header: is no "));
}

TEST_F(RegistryTest, AnUnknownNameIsRefused) {
  EXPECT_THAT(std::string(Make("kay_auth", v1::KeyAuth()).status().message()),
              HasSubstr("no plugin \"kay_auth\""));
}

TEST_F(RegistryTest, TheConfigurationOfAnotherPluginIsRefused) {
  EXPECT_THAT(std::string(Make("headers", v1::KeyAuth()).status().message()),
              AllOf(HasSubstr("is no sluice.plugins.v1.Headers"), HasSubstr("plugins.v1.KeyAuth")));
  EXPECT_FALSE(Make("headers", v1::Disabled()).ok());
}

TEST_F(RegistryTest, BytesThatAreNoMessageAreRefused) {
  google::protobuf::Any any;
  any.PackFrom(v1::KeyAuth());
  any.set_value("\xff\xff\xff");
  EXPECT_FALSE(registry_.Make("key_auth", any, {"Route", "orders"}).ok());
}

// Rows at the edges of what validation takes: a proxy that refused one would hold a generation up.
TEST_F(RegistryTest, WhatValidationAcceptsCanBeRun) {
  const std::pair<const char*, const char*> rows[] = {
      {"consumer_restriction", "deny {consumers: 'a'}"},
      {"headers", "request {remove: 'x'}"},
      {"headers", "response {set {key: 'Host' value: 'x'} set {key: 'a' value: ''}}"},
      {"headers", "request {add {key: '!#$%&*+-.^_`|~' value: '$$${header.a}${query.b=c}'}}"},
      {"ip_restriction", "allow: ['::/0', '0.0.0.0/0', '::ffff:1.2.3.4']"},
      {"key_auth", "header: 'Host' query: '-' realm: 'a b \\303\\244'"},
      {"key_auth", "header: 'authorization' query: '%61'"},
      {"limit_count", "count: 4294967295 window {seconds: 86400} key: 'header:X' status: 599"},
      {"redirect", "host: '[::1]:80' path: '/{1}' status: 308"},
      {"redirect", "host: 'a_b.example.' strip_query: true"},
      {"redirect", "path: '/%2e/{a}'"},
      {"redirect", "path: '/%zz'"},
      {"request_id", "header: 'Host'"},
      {"respond", "status: 304 headers {key: 'host' value: 'x'}"},
      {"respond", "status: 200 content_type: 'a'"},
      {"rewrite", "strip_prefix: '/..'"},
      {"rewrite", "strip_prefix: '/a%2fb;c'"},
      {"rewrite", "strip_prefix: '/%zz'"},
      {"rewrite", "path: '/a/../{b}'"},
      {"rewrite", "path: '/.{b}'"},
      {"rewrite", "host: 'a.example:65535'"},
  };
  int accepted = 0;
  for (const auto& [name, text] : rows) {
    const validate::Plugin* plugin = validate::FindPlugin(name);
    std::unique_ptr<google::protobuf::Message> config(plugin->prototype->New());
    internal::ParseTextOrDie(text, *config);
    std::vector<validate::Problem> problems;
    plugin->check(*config, validate::Field(problems, "Route", "orders"));
    if (!problems.empty()) continue;
    ++accepted;
    const absl::StatusOr<Element> element = Make(name, *config);
    EXPECT_TRUE(element.ok()) << name << " " << text << ": " << element.status();
  }
  EXPECT_GE(accepted, 12);
}

}  // namespace
}  // namespace sluice::plugins
