// Certificates, and what listeners say about TLS.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api/resource/testing/parse.h"
#include "api/validate/resource.h"
#include "api/x509/testing/ocsp.h"
#include "proxy/net/tls/testing/authority.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

using net::tls::testing::Authority;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "field: problem", warnings with "warning: " in front.
std::vector<std::string> ProblemsOf(const v1::Resource& resource) {
  std::vector<Problem> problems;
  CheckResource(resource, problems);
  resource::Sort(problems);
  std::vector<std::string> lines;
  for (const Problem& problem : problems) {
    lines.push_back(
        absl::StrCat(problem.is_warning ? "warning: " : "", problem.field, ": ", problem.problem));
  }
  return lines;
}

class CertificateTest : public ::testing::Test {
 protected:
  v1::Resource Make(const std::string& chain, const std::string& key) {
    v1::Resource resource;
    resource.set_name("a");
    resource.mutable_certificate()->set_certificate_chain(chain);
    resource.mutable_certificate()->set_private_key(key);
    return resource;
  }
  Authority authority_{"ca"};
  const Authority::Issued good_ = authority_.Issue({.common_name = "a", .names = {"DNS:a"}});
};

TEST_F(CertificateTest, AChainAndItsKeyAreValid) {
  EXPECT_THAT(ProblemsOf(Make(good_.chain_pem + authority_.pem(), good_.key_pem)), IsEmpty());
}

TEST_F(CertificateTest, AKeyOfAnotherCertificateIsRefused) {
  const auto other = authority_.Issue({.common_name = "b", .names = {"DNS:b"}});
  EXPECT_THAT(ProblemsOf(Make(good_.chain_pem, other.key_pem)),
              ElementsAre(HasSubstr("private_key: is not the key of the first certificate")));
  EXPECT_THAT(ProblemsOf(Make(authority_.pem() + good_.chain_pem, good_.key_pem)),
              ::testing::Contains(HasSubstr("private_key: is not the key")));
}

TEST_F(CertificateTest, AHashInThePlaceOfTheKeyIsNoProblem) {
  EXPECT_THAT(ProblemsOf(Make(good_.chain_pem, "sha256:" + std::string(64, 'a'))), IsEmpty());
}

TEST_F(CertificateTest, WhatIsNoPemIsRefused) {
  EXPECT_THAT(ProblemsOf(Make("x", "y")),
              ElementsAre(HasSubstr("certificate_chain: holds no certificate"),
                          HasSubstr("private_key: is not one private key")));
  EXPECT_THAT(ProblemsOf(Make(good_.key_pem, good_.key_pem)),
              ElementsAre(HasSubstr("certificate_chain: PEM block 1 is no CERTIFICATE")));
}

TEST_F(CertificateTest, BothAreRequired) {
  EXPECT_THAT(ProblemsOf(Make("", "")),
              ElementsAre(HasSubstr("certificate_chain: "), HasSubstr("private_key: ")));
}

TEST_F(CertificateTest, OneThatIsExpiredOrHasNoNamesIsWarnedOf) {
  const auto old = authority_.Issue({.common_name = "a", .names = {"DNS:a"}, .days = -2});
  EXPECT_THAT(ProblemsOf(Make(old.chain_pem, old.key_pem)),
              ElementsAre(HasSubstr("warning: certificate_chain: expired on ")));
  const auto nameless = authority_.Issue({.common_name = "a"});
  EXPECT_THAT(ProblemsOf(Make(nameless.chain_pem, nameless.key_pem)),
              ElementsAre(HasSubstr("warning: certificate_chain: has no subject alternative")));
}

TEST_F(CertificateTest, AnOcspResponseIsBase64) {
  v1::Resource resource = Make(good_.chain_pem, good_.key_pem);
  resource.mutable_certificate()->set_ocsp_response("?");
  EXPECT_THAT(ProblemsOf(resource), ElementsAre("ocsp_response: is no base64"));
}

TEST_F(CertificateTest, AnOcspResponseIsAboutTheCertificateGoodAndOfNow) {
  using Status = x509::OcspAnswer::Status;
  const absl::Time now = absl::Now();
  const auto own = x509::ParseCertificates(good_.chain_pem)->front();
  const auto problems = [&](const std::string& der) {
    v1::Resource resource = Make(good_.chain_pem, good_.key_pem);
    resource.mutable_certificate()->set_ocsp_response(absl::Base64Escape(der));
    return ProblemsOf(resource);
  };
  const auto holding = [&](Status status, absl::Duration from, absl::Duration until) {
    return problems(x509::MakeOcsp(own, {status, now + from, now + until}));
  };
  const absl::Duration hour = absl::Hours(1);
  EXPECT_THAT(holding(Status::kGood, -hour, hour), IsEmpty());
  EXPECT_THAT(holding(Status::kGood, -2 * hour, -hour),
              ElementsAre(HasSubstr("warning: ocsp_response: ended on ")));
  EXPECT_THAT(holding(Status::kGood, hour, 2 * hour),
              ElementsAre(HasSubstr("warning: ocsp_response: holds from ")));
  EXPECT_THAT(holding(Status::kRevoked, -hour, hour),
              ElementsAre("ocsp_response: says that the certificate is revoked"));
  EXPECT_THAT(holding(Status::kUnknown, -hour, hour),
              ElementsAre("ocsp_response: says that the certificate is unknown"));
  EXPECT_THAT(problems("junk"), ElementsAre("ocsp_response: is no OCSP response"));
  const auto other = authority_.Issue({.common_name = "b", .names = {"DNS:b"}});
  const auto another = x509::ParseCertificates(other.chain_pem)->front();
  EXPECT_THAT(problems(x509::MakeOcsp(another, {Status::kGood, now - hour, now + hour})),
              ElementsAre(HasSubstr("ocsp_response: is not about the first certificate")));
}

class ListenerTlsTest : public CertificateTest {
 protected:
  // Of a listener with these fields of `tls`; CA stands for an authority.
  std::vector<std::string> Check(const std::string& tls) {
    v1::Resource resource = resource::ParseResource(
        absl::StrCat("kind: Listener\nname: a\naddress: '0.0.0.0:443'\ntls: ", tls));
    for (auto& rule : *resource.mutable_listener()->mutable_tls()->mutable_client_auth()) {
      if (rule.ca_certificates() == "CA") rule.set_ca_certificates(authority_.pem());
    }
    return ProblemsOf(resource);
  }
};

TEST_F(ListenerTlsTest, WhatTheContractAllowsIsValid) {
  EXPECT_THAT(Check("{certificates: [a, b], min_version: tls1.3, handshake_timeout: 5m,\n"
                    "  client_auth: [{ca_certificates: CA, server_names: ['*.a.example', b]},\n"
                    "                {ca_certificates: CA, mode: optional,\n"
                    "                 subject_alt_names: ['spiffe://x/*']}],\n"
                    "  forward_client_cert: {mode: append_forward, details: [subject, uri]}}"),
              IsEmpty());
}

TEST_F(ListenerTlsTest, WhatItDoesNotIsRefused) {
  EXPECT_THAT(Check("{}"), ElementsAre(HasSubstr("tls.certificates: ")));
  EXPECT_THAT(Check("{certificates: [a, a]}"),
              ElementsAre(HasSubstr("tls.certificates[1]: given twice")));
  EXPECT_THAT(Check("{certificates: [a], handshake_timeout: 6m}"),
              ElementsAre(HasSubstr("tls.handshake_timeout: ")));
  EXPECT_THAT(Check("{certificates: [a], client_auth: [{ca_certificates: x}]}"),
              ElementsAre(HasSubstr("tls.client_auth[0].ca_certificates: holds no certificate")));
  EXPECT_THAT(Check("{certificates: [a], client_auth: [{}]}"),
              ElementsAre(HasSubstr("tls.client_auth[0].ca_certificates: ")));
  EXPECT_THAT(
      Check("{certificates: [a], client_auth: [{ca_certificates: CA}, {ca_certificates: CA}]}"),
      ElementsAre(HasSubstr("tls.client_auth[1].server_names: missing")));
  EXPECT_THAT(Check("{certificates: [a], client_auth: [{ca_certificates: CA, server_names: [x]},\n"
                    "  {ca_certificates: CA, server_names: [X, 'x.', 'a:1', 'a.*', '*']}]}"),
              ElementsAre(HasSubstr("server_names[0]: \"X\" is in two rules"),
                          HasSubstr("server_names[1]: \"x.\" is in two rules"),
                          HasSubstr("server_names[2]: is no name of a server"),
                          HasSubstr("server_names[3]: is no name of a server"),
                          HasSubstr("server_names[4]: is no name of a server")));
  EXPECT_THAT(Check("{certificates: [a], forward_client_cert: {details: [subject]}}"),
              ElementsAre(HasSubstr("details: has no meaning for this mode")));
}

class UpstreamTlsTest : public CertificateTest {
 protected:
  // Of an upstream with these fields of `tls`; CA stands for an authority.
  std::vector<std::string> Check(const std::string& tls) {
    v1::Resource resource =
        resource::ParseResource(absl::StrCat("kind: Upstream\nname: a\ntls: ", tls));
    auto& parsed = *resource.mutable_upstream()->mutable_tls();
    if (parsed.ca_certificates() == "CA") parsed.set_ca_certificates(authority_.pem());
    return ProblemsOf(resource);
  }
};

TEST_F(UpstreamTlsTest, WhatTheContractAllowsIsValid) {
  EXPECT_THAT(Check("{}"), IsEmpty());
  EXPECT_THAT(Check("{ca_certificates: CA, sni: a.example, certificate: a, min_version: tls1.3,\n"
                    "  subject_alt_names: ['*.a.example', 'spiffe://x/*', 10.0.0.1]}"),
              IsEmpty());
}

TEST_F(UpstreamTlsTest, WhatItDoesNotIsRefused) {
  EXPECT_THAT(Check("{ca_certificates: x}"),
              ElementsAre(HasSubstr("tls.ca_certificates: holds no certificate")));
  for (const std::string sni : {"'a:1'", "10.0.0.1", "'::1'", "'*.a'", "'a b'"}) {
    EXPECT_THAT(Check("{sni: " + sni + "}"), ElementsAre(HasSubstr("tls.sni: is no DNS name, got")))
        << sni;
  }
  EXPECT_THAT(Check("{subject_alt_names: ['']}"),
              ElementsAre(HasSubstr("tls.subject_alt_names[0]: is empty")));
  EXPECT_THAT(Check("{insecure_skip_verify: true, ca_certificates: CA}"),
              ElementsAre(HasSubstr("tls.insecure_skip_verify: makes ca_certificates and")));
}

TEST_F(UpstreamTlsTest, BelievingEverybodyIsWarnedOf) {
  EXPECT_THAT(
      Check("{insecure_skip_verify: true}"),
      ElementsAre(HasSubstr("warning: tls.insecure_skip_verify: whoever answers is believed")));
}

}  // namespace
}  // namespace sluice::validate
