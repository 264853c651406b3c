#include "api/x509/ocsp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/x509/testing/ocsp.h"
#include "proxy/net/tls/testing/authority.h"

namespace sluice::x509 {
namespace {

using net::tls::testing::Authority;
using Status = OcspAnswer::Status;
using ::testing::HasSubstr;

const absl::Time kFrom = absl::FromUnixSeconds(1'700'000'000);
const absl::Time kUntil = kFrom + absl::Hours(24);

class OcspTest : public ::testing::Test {
 protected:
  Certificate Issue(const std::string& name) {
    const auto issued = authority_.Issue({.common_name = name, .names = {"DNS:" + name}});
    return ParseCertificates(issued.chain_pem)->front();
  }
  std::string ErrorOf(const std::string& der) {
    return std::string(ParseOcsp(der, mine_).status().message());
  }

  Authority authority_{"ca"};
  const Certificate mine_ = Issue("a");
  const Certificate other_ = Issue("b");
};

TEST_F(OcspTest, StatusAndTimesAreRead) {
  for (const Status status : {Status::kGood, Status::kRevoked, Status::kUnknown}) {
    const auto answer = ParseOcsp(MakeOcsp(mine_, {status, kFrom, kUntil}), mine_);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, status);
    EXPECT_EQ(answer->from, kFrom);
    EXPECT_EQ(answer->until, kUntil);
  }
}

TEST_F(OcspTest, AnAnswerHoldsFromItsBeginningUntilItsEnd) {
  const OcspAnswer answer{Status::kGood, kFrom, kUntil};
  EXPECT_FALSE(answer.HoldsAt(kFrom - absl::Seconds(1)));
  EXPECT_TRUE(answer.HoldsAt(kFrom));
  EXPECT_FALSE(answer.HoldsAt(kUntil));
}

TEST_F(OcspTest, AnAnswerAboutAnotherCertificateIsNone) {
  EXPECT_THAT(ErrorOf(MakeOcsp(other_, {Status::kGood, kFrom, kUntil})), HasSubstr("is not about"));
  Authority another("another");
  Certificate same_serial = mine_;
  same_serial.issuer = ParseCertificates(another.pem())->front().issuer;
  EXPECT_THAT(ErrorOf(MakeOcsp(same_serial, {Status::kGood, kFrom, kUntil})),
              HasSubstr("is not about"));
}

TEST_F(OcspTest, WithoutAnEndOrAnAnswerItIsOfNoUse) {
  EXPECT_THAT(ErrorOf(MakeOcsp(mine_, {Status::kGood, kFrom, absl::InfiniteFuture()})),
              HasSubstr("until when"));
  EXPECT_THAT(ErrorOf(MakeFailedOcsp(3)), HasSubstr("failed, with status 3"));
}

TEST_F(OcspTest, WhatIsCutOrGoesOnIsRefused) {
  const std::string whole = MakeOcsp(mine_, {Status::kGood, kFrom, kUntil});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseOcsp(whole.substr(0, size), mine_).ok()) << size;
  }
  EXPECT_FALSE(ParseOcsp(whole + "x", mine_).ok());
}

}  // namespace
}  // namespace sluice::x509
