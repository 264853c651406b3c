#include "proxy/plugins/grpc_json/plugin.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "api/validate/transcoding/testing/shop.h"
#include "google/protobuf/descriptor.pb.h"
#include "proxy/plugins/testing/plugin_harness.h"
#include "sluice/plugins/v1/grpc_json.pb.h"

namespace sluice::plugins {
namespace {

// A gRPC frame of a message in protobuf's wire format.
std::string Frame(const std::string& message) {
  return std::string("\0\0\0\0", 4) + static_cast<char>(message.size()) + message;
}

// shop.v1.Item {name: "a" price_cents: 5}
const std::string kItem(
    "\x0a\x01"
    "a\x10\x05",
    5);

// kShop with `Filter inner = 2` in Filter.
std::string ShopWithFiltersInFilters() {
  std::string bytes;
  absl::Base64Unescape(validate::kShop, &bytes);
  google::protobuf::FileDescriptorSet set;
  set.ParseFromString(bytes);
  for (auto& message : *set.mutable_file(0)->mutable_message_type()) {
    if (message.name() != "Filter") continue;
    auto& inner = *message.add_field();
    inner.set_name("inner");
    inner.set_number(2);
    inner.set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
    inner.set_type(google::protobuf::FieldDescriptorProto::TYPE_MESSAGE);
    inner.set_type_name(".shop.v1.Filter");
  }
  return absl::Base64Escape(set.SerializeAsString());
}

class GrpcJsonTest : public ::testing::Test {
 protected:
  void Configure(absl::string_view more = "", const std::string& shop = validate::kShop) {
    h_.Add(&MakeGrpcJson,
           absl::StrCat("services: 'shop.v1.Prices' descriptor_set: '", shop, "' ", more));
  }
  void Answer(std::vector<std::string> frames, const std::string& status = "0",
              const std::string& message = "") {
    h_.SetUpstreamResponse(200, {{"content-type", "application/grpc"}}, std::move(frames));
    h_.SetUpstreamTrailers({{"grpc-status", status}, {"grpc-message", message}});
  }
  std::string Type() {
    return std::string(h_.response().headers.Get(http::HeaderId::kContentType));
  }

  PluginHarness h_;
};

TEST_F(GrpcJsonTest, AGetBecomesACallFromPathAndQuery) {
  Configure();
  Answer({Frame(kItem)});
  h_.Request("GET", "/v1/items/7?filter.limit=3&tags=x&tags=y+z");
  EXPECT_EQ(h_.request().method, "POST");
  EXPECT_EQ(h_.target(), "/shop.v1.Prices/Get");
  EXPECT_EQ(h_.request().headers.Get("content-type"), "application/grpc");
  EXPECT_EQ(h_.request().headers.Get("te"), "trailers");
  EXPECT_EQ(h_.request_body(),
            Frame(std::string("\x0a\x07items/7\x12\x02\x08\x03\x1a\x01x\x1a\x03y z", 21)));
  EXPECT_EQ(h_.response().status, 200);
  EXPECT_EQ(Type(), "application/json");
  EXPECT_EQ(h_.response_body(), "{\"name\":\"a\",\"priceCents\":\"5\"}");
  EXPECT_EQ(h_.response_trailers(), "");
}

TEST_F(GrpcJsonTest, ABodyMayBeOneFieldOrAllOfTheMessage) {
  Configure();
  Answer({Frame(kItem)});
  h_.Request("PUT", "/v1/items?dry_run=true", {}, {"{\"name\":\"a\",", "\"priceCents\":5}"});
  const std::string put = std::string("\x0a\x05", 2) + kItem + std::string("\x10\x01", 2);
  EXPECT_EQ(h_.request_body(), Frame(put));
  h_.Request("POST", "/v1/items:put", {},
             {"{\"item\": {\"name\": \"a\", \"price_cents\": \"5\"}, \"dryRun\": true}"});
  EXPECT_EQ(h_.request_body(), Frame(put));
}

TEST_F(GrpcJsonTest, AStreamOfMessagesIsAnArray) {
  Configure();
  Answer({Frame(kItem), Frame("")});
  h_.Request("GET", "/v1/items");
  EXPECT_EQ(h_.response_body(), "[{\"name\":\"a\",\"priceCents\":\"5\"},{}]");
  Answer({});
  h_.Request("GET", "/v1/items");
  EXPECT_EQ(h_.response_body(), "[]");
}

TEST_F(GrpcJsonTest, AStatusBecomesThatOfHttp) {
  Configure();
  Answer({}, "5", "no \"such\" item");
  h_.Request("GET", "/v1/items/7");
  EXPECT_EQ(h_.response().status, 404);
  EXPECT_EQ(Type(), "application/json");
  EXPECT_EQ(h_.response_body(), "{\"code\":5,\"message\":\"no \\\"such\\\" item\"}");
  Answer({}, "16");
  h_.Request("GET", "/v1/items/7");
  EXPECT_EQ(h_.response().status, 401);
}

TEST_F(GrpcJsonTest, AStatusInTheHeadCountsTooAndIsNotSentOn) {
  Configure();
  h_.SetUpstreamResponse(200, {{"content-type", "application/grpc"}, {"grpc-status", "12"}});
  h_.Request("GET", "/v1/items/7");
  EXPECT_EQ(h_.response().status, 501);
  EXPECT_EQ(h_.response().headers.Find("grpc-status"), nullptr);
}

TEST_F(GrpcJsonTest, WhatDoesNotFitTheMessageIsABadRequest) {
  Configure();
  for (const char* target :
       {"/v1/items/7?nothing=1", "/v1/items/7?filter.limit=x", "/v1/items/7?filter=1",
        "/v1/items/7?name.x=1", "/v1/items/7?tags=%ff", "/v1/items/%c3"}) {
    h_.Request("GET", target);
    ASSERT_TRUE(h_.has_reply()) << target;
    EXPECT_EQ(h_.response().status, 400) << target;
    EXPECT_STREQ(h_.reply().details, "grpc_json_bad_request");
  }
  for (const char* body : {"{", "[]", "{\"nothing\": 1}", "{\"dryRun\": \"x\"}", "\xff"}) {
    h_.Request("POST", "/v1/items:put", {}, {body});
    EXPECT_EQ(h_.response().status, 400) << body;
  }
}

TEST_F(GrpcJsonTest, ADeeplyNestedBodyIsRefusedAndNotFollowed) {
  Configure();
  h_.Request("POST", "/v1/items:put", {}, {std::string(100'000, '[')});
  EXPECT_EQ(h_.response().status, 400);
}

TEST_F(GrpcJsonTest, AFieldDeepDownIsRefusedAndNotFollowed) {
  Configure("", ShopWithFiltersInFilters());
  Answer({Frame(kItem)});
  h_.Request("GET", "/v1/items/7?filter.inner.inner.limit=3");
  EXPECT_EQ(h_.response().status, 200);
  std::string path = "filter.";
  for (int i = 0; i < 100'000; ++i) path += "inner.";
  h_.Request("GET", absl::StrCat("/v1/items/7?", path, "limit=3"));
  EXPECT_EQ(h_.response().status, 400);
}

TEST_F(GrpcJsonTest, WhatIsNotTextInAStatusDoesNotBreakTheJson) {
  Configure();
  Answer({}, "5", "%ff%0a");
  h_.Request("GET", "/v1/items/7");
  EXPECT_EQ(h_.response_body(), "{\"code\":5,\"message\":\"\xef\xbf\xbd\\n\"}");
}

TEST_F(GrpcJsonTest, WhatNoRuleHasIsNotFoundAndGrpcPasses) {
  Configure();
  h_.Request("GET", "/v2/items");
  EXPECT_EQ(h_.response().status, 404);
  EXPECT_STREQ(h_.reply().details, "grpc_json_no_rule");
  Answer({Frame(kItem)});
  h_.Request("POST", "/shop.v1.Prices/Get", {{"content-type", "application/grpc"}}, {Frame("")});
  EXPECT_EQ(h_.response_body(), Frame(kItem));
  EXPECT_EQ(h_.response_trailers(), "grpc-status: 0\ngrpc-message: \n");
}

TEST_F(GrpcJsonTest, AnUpstreamThatSendsSomethingElseIsAnError) {
  Configure();
  for (const std::string& frames : {std::string("\0\0\0\0\7x", 6), std::string("\1\0\0\0\0", 5),
                                    Frame("\xff"), Frame(kItem) + Frame(kItem), std::string("x")}) {
    Answer({frames});
    h_.Request("GET", "/v1/items/7");
    EXPECT_EQ(h_.response().status, 500);
  }
}

TEST_F(GrpcJsonTest, TheStyleIsAsConfigured) {
  Configure("keep_field_names: true print_defaults: true enums_as_numbers: true");
  Answer({Frame(kItem)});
  h_.Request("GET", "/v1/items/7");
  EXPECT_EQ(h_.response_body(), "{\"name\":\"a\",\"price_cents\":\"5\",\"kind\":0}");
}

}  // namespace
}  // namespace sluice::plugins
