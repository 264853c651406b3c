#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "api/x509/certificate.h"
#include "api/x509/der.h"
#include "api/x509/key.h"
#include "api/x509/pem.h"
#include "proxy/net/tls/testing/authority.h"

namespace sluice::x509 {
namespace {

using net::tls::testing::Authority;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text.push_back(static_cast<char>(byte));
  return text;
}

TEST(DerTest, LengthsHaveOneForm) {
  EXPECT_TRUE(DerReader(Bytes({4, 1, 7})).Read(kOctetString).has_value());
  EXPECT_FALSE(DerReader(Bytes({4, 0x81, 1, 7})).Read(kOctetString).has_value());
  EXPECT_FALSE(DerReader(Bytes({4, 0x80, 7, 0, 0})).Read(kOctetString).has_value());
  EXPECT_FALSE(DerReader(Bytes({4, 2, 7})).Read(kOctetString).has_value());
  EXPECT_FALSE(DerReader(Bytes({4, 0x84, 0xff, 0xff, 0xff, 0xff})).Read(kOctetString).has_value());
}

TEST(DerTest, NumbersHaveOneForm) {
  EXPECT_EQ(DerReader(Bytes({2, 2, 0, 0x80})).ReadUnsigned(), Bytes({0x80}));
  EXPECT_FALSE(DerReader(Bytes({2, 2, 0, 1})).ReadUnsigned().has_value());
  EXPECT_FALSE(DerReader(Bytes({2, 1, 0x80})).ReadUnsigned().has_value());
  EXPECT_FALSE(DerReader(Bytes({2, 0})).ReadUnsigned().has_value());
}

TEST(PemTest, TextAroundBlocksIsSkipped) {
  const auto blocks = ParsePem("who\n-----BEGIN A-----\nAQID\n-----END A-----\nwhat\n");
  ASSERT_TRUE(blocks.ok());
  ASSERT_EQ(blocks->size(), 1u);
  EXPECT_EQ((*blocks)[0].label, "A");
  EXPECT_EQ((*blocks)[0].der, Bytes({1, 2, 3}));
}

TEST(PemTest, BrokenBlocksAreRefused) {
  EXPECT_FALSE(ParsePem("-----BEGIN A-----\nAQID\n").ok());
  EXPECT_FALSE(ParsePem("-----BEGIN A-----\nAQID\n-----END B-----\n").ok());
  EXPECT_FALSE(ParsePem("-----BEGIN A-----\n?!\n-----END A-----\n").ok());
  EXPECT_FALSE(ParsePem("-----BEGIN A").ok());
}

TEST(PemTest, AnEncryptedKeyIsToldAsOne) {
  const auto key = PublicHalf(
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAQID\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_THAT(std::string(key.status().message()), HasSubstr("passphrase"));
}

TEST(CertificateTest, DatesAndNamesAreRead) {
  Authority authority("ca");
  const auto issued =
      authority.Issue({.common_name = "x", .names = {"URI:x://y", "DNS:a.example"}, .days = 2});
  const auto chain = ParseCertificates(issued.chain_pem);
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_THAT(chain->front().dns_names, ElementsAre("a.example"));
  EXPECT_LT(chain->front().not_before, absl::Now());
  EXPECT_NEAR(absl::ToDoubleHours(chain->front().not_after - absl::Now()), 48, 1);
}

TEST(KeyTest, AKeyIsKnownByItsCertificate) {
  Authority authority("ca");
  for (const bool is_rsa : {false, true}) {
    const auto issued = authority.Issue({.common_name = "x", .is_rsa = is_rsa});
    const auto chain = ParseCertificates(issued.chain_pem);
    const auto key = PublicHalf(issued.key_pem);
    ASSERT_TRUE(chain.ok() && key.ok()) << key.status();
    EXPECT_EQ(key->type, is_rsa ? KeyType::kRsa : KeyType::kP256);
    EXPECT_EQ(key->identity, chain->front().key.identity);
    EXPECT_EQ(key->bits, is_rsa ? 2048 : 0);
    const auto other = PublicHalf(authority.Issue({.common_name = "y", .is_rsa = is_rsa}).key_pem);
    EXPECT_NE(other->identity, key->identity);
  }
}

TEST(KeyTest, AKeyWithoutItsPointIsKnownToo) {
  const bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_secp384r1));
  ASSERT_EQ(EC_KEY_generate_key(ec.get()), 1);
  const auto write = [&](unsigned flags) {
    EC_KEY_set_enc_flags(ec.get(), flags);
    const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
    PEM_write_bio_ECPrivateKey(out.get(), ec.get(), nullptr, nullptr, 0, nullptr, nullptr);
    const uint8_t* bytes = nullptr;
    size_t size = 0;
    BIO_mem_contents(out.get(), &bytes, &size);
    return std::string(reinterpret_cast<const char*>(bytes), size);
  };
  const auto with = PublicHalf(write(0));
  const auto without = PublicHalf(write(EC_PKEY_NO_PUBKEY));
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_EQ(with->type, KeyType::kP384);
  EXPECT_EQ(with->identity, without->identity);
}

TEST(KeyTest, AProblemNeverShowsTheKey) {
  Authority authority("ca");
  const std::string key = authority.Issue({.common_name = "x"}).key_pem;
  const std::string line = key.substr(key.find('\n') + 1, 20);
  for (const std::string& broken :
       {absl::StrReplaceAll(key, {{"END", "ND"}}), key + key, key.substr(0, key.size() / 2)}) {
    const auto result = PublicHalf(broken);
    EXPECT_FALSE(result.ok());
    EXPECT_THAT(std::string(result.status().message()), Not(HasSubstr(line)));
  }
}

}  // namespace
}  // namespace sluice::x509
