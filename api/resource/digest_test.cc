#include "api/resource/digest.h"

#include "gtest/gtest.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

TEST(DigestTest, IsSha256) {
  EXPECT_EQ(ToHex(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(DigestTest, CoversKindNamespaceNameAndBytesWithoutMixingThem) {
  const Key key{Kind::kRoute, "ns", "a"};
  const std::string bytes("Route\0ns\0a\0body", 15);
  EXPECT_EQ(Digest(key, "body"), Sha256(bytes));
  EXPECT_NE(Digest({Kind::kRoute, "", "ab"}, "c"), Digest({Kind::kRoute, "", "a"}, "bc"));
}

TEST(DigestTest, OfAnEndpointCoversItsWeight) {
  EXPECT_EQ(EndpointDigest("u", "o", "1.2.3.4:5", {.weight = 7}),
            Sha256(absl::string_view("endpoint\0u\0o\0001.2.3.4:5\0007", 24)));
}

TEST(DigestTest, OfAnEndpointCoversWhatElseIsSaidOfIt) {
  EXPECT_EQ(EndpointDigest("u", "o", "1.2.3.4:5", {.weight = 7, .priority = 1, .zone = "z"}),
            Sha256(absl::string_view("endpoint\0u\0o\0001.2.3.4:5\0007\0001\0z\0", 29)));
}

TEST(DigestTest, EqualMessagesHaveEqualBytesWhateverTheOrderOfTheirMaps) {
  v1::Resource a;
  v1::Resource b;
  for (int i = 0; i < 100; ++i) {
    (*a.mutable_labels())[std::to_string(i)] = "x";
    (*b.mutable_labels())[std::to_string(99 - i)] = "x";
  }
  EXPECT_EQ(Serialise(a), Serialise(b));
  v1::Resource read;
  ASSERT_TRUE(read.ParseFromString(Serialise(a)));
  EXPECT_EQ(read.labels_size(), 100);
}

TEST(HexTest, GoesBothWays) {
  EXPECT_EQ(FromHex("00fFa1"), std::string("\0\xff\xa1", 3));
  EXPECT_EQ(ToHex(*FromHex("00fFa1")), "00ffa1");
}

TEST(HexTest, RefusesWhatIsNotHexadecimal) {
  EXPECT_EQ(FromHex("0"), std::nullopt);
  EXPECT_EQ(FromHex("0g"), std::nullopt);
}

}  // namespace
}  // namespace sluice::resource
