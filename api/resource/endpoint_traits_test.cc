#include "api/resource/endpoint_traits.h"

#include <gtest/gtest.h>

#include "sluice/v1/upstream.pb.h"

namespace sluice::resource {
namespace {

std::string Bytes(absl::string_view text) { return std::string(text); }

TEST(EndpointTraitsTest, DefaultsAreNoBytesAndOfTheFirstSchema) {
  EXPECT_EQ(EncodeTraits({.weight = 7}), "");
  EXPECT_EQ(SchemaOf({.weight = 7}), 1u);
}

TEST(EndpointTraitsTest, EachPartEndsWithAZeroByte) {
  const EndpointTraits traits{7, 3, "eu-1", {{"b", "2"}, {"a", "1"}}};
  EXPECT_EQ(EncodeTraits(traits), Bytes({"3\0eu-1\0a\0001\0b\0002\0", 15}));
  EXPECT_EQ(SchemaOf(traits), 2u);
}

TEST(EndpointTraitsTest, WhatIsDecodedIsWhatWasEncoded) {
  for (const EndpointTraits& traits :
       std::vector<EndpointTraits>{{1, 0, "", {}},
                                   {1, 127, "", {}},
                                   {1, 0, "z", {}},
                                   {1, 0, "", {{"a", "1"}, {"b", ""}}}}) {
    EndpointTraits decoded;
    ASSERT_TRUE(DecodeTraits(EncodeTraits(traits), decoded));
    EXPECT_EQ(decoded, traits);
  }
}

TEST(EndpointTraitsTest, TheWeightStays) {
  EndpointTraits traits{.weight = 7};
  ASSERT_TRUE(DecodeTraits("", traits));
  EXPECT_EQ(traits.weight, 7u);
}

TEST(EndpointTraitsTest, OtherBytesAreRefused) {
  for (const std::string& bytes :
       {Bytes("3"), Bytes({"3\0", 2}), Bytes({"x\0\0", 3}), Bytes({"03\0\0", 4}),
        Bytes({"0\0\0", 3}), Bytes({"1\0z\0a\0", 6}), Bytes({"1\0z\0b\0\0a\0\0", 10}),
        Bytes({"1\0z\0a\0001\0a\0001\0", 12})}) {
    EndpointTraits traits{.weight = 7};
    EXPECT_FALSE(DecodeTraits(bytes, traits)) << bytes;
    EXPECT_EQ(traits, EndpointTraits{.weight = 7});
  }
}

TEST(EndpointTraitsTest, AMessageGoesBothWays) {
  const EndpointTraits traits{7, 3, "eu-1", {{"a", "1"}}};
  v1::Endpoint message;
  EXPECT_EQ(TraitsOf(message), EndpointTraits());
  (*message.mutable_labels())["old"] = "1";
  SetTraits(traits, message);
  EXPECT_EQ(TraitsOf(message), traits);
}

}  // namespace
}  // namespace sluice::resource
