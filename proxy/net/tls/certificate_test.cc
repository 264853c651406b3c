#include "proxy/net/tls/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/net/tls/identity.h"
#include "proxy/net/tls/testing/authority.h"

namespace sluice::net::tls {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(CertificateTest, NamesAreThoseOfTheExtensionInLowerCase) {
  testing::Authority authority("ca");
  const auto issued = authority.Issue(
      {.common_name = "ignored", .names = {"DNS:A.example", "DNS:*.b.example", "URI:x://y"}});
  const auto certificate = Certificate::Load({issued.chain_pem, issued.key_pem, ""});
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_THAT((*certificate)->dns_names(), ElementsAre("a.example", "*.b.example"));
}

TEST(CertificateTest, AKeyOfAnotherCertificateIsRefused) {
  testing::Authority authority("ca");
  const auto one = authority.Issue({.common_name = "one"});
  const auto two = authority.Issue({.common_name = "two"});
  const auto certificate = Certificate::Load({one.chain_pem, two.key_pem, ""});
  EXPECT_THAT(std::string(certificate.status().message()), HasSubstr("not of the certificate"));
}

TEST(CertificateTest, AProblemNeverShowsTheKey) {
  testing::Authority authority("ca");
  const auto issued = authority.Issue({.common_name = "one"});
  const auto certificate = Certificate::Load({issued.chain_pem, "SECRET", ""});
  EXPECT_FALSE(certificate.ok());
  EXPECT_THAT(std::string(certificate.status().message()), Not(HasSubstr("SECRET")));
}

TEST(CertificateTest, WhatIsNoCertificateIsRefused) {
  testing::Authority authority("ca");
  const auto issued = authority.Issue({.common_name = "one"});
  EXPECT_FALSE(Certificate::Load({issued.key_pem, issued.key_pem, ""}).ok());
  EXPECT_FALSE(Certificate::Load({"", issued.key_pem, ""}).ok());
}

TEST(IdentityTest, AWildcardCoversOneLabelAndNotItsOwnDomain) {
  EXPECT_TRUE(CoversDns("*.x.example", "a.x.example"));
  EXPECT_FALSE(CoversDns("*.x.example", "a.b.x.example"));
  EXPECT_FALSE(CoversDns("*.x.example", "x.example"));
  EXPECT_FALSE(CoversDns("*.x.example", ".x.example"));
}

TEST(IdentityTest, UrisMatchWholeOrBelowASlash) {
  const Names names{.uris = {"spiffe://prod/ns/orders"}};
  const std::vector<std::string> below = {"spiffe://prod/*"};
  const std::vector<std::string> whole = {"spiffe://prod/ns/orders"};
  const std::vector<std::string> part = {"spiffe://prod/ns/ord"};
  EXPECT_TRUE(IsOneOf(names, below));
  EXPECT_TRUE(IsOneOf(names, whole));
  EXPECT_FALSE(IsOneOf(names, part));
}

}  // namespace
}  // namespace sluice::net::tls
