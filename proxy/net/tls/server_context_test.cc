#include "proxy/net/tls/server_context.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proxy/net/tls/client_context.h"
#include "proxy/net/tls/testing/authority.h"
#include "proxy/net/tls/testing/pair.h"

namespace sluice::net::tls {
namespace {

using testing::Authority;
using testing::Carry;
using testing::Shake;

class ServerContextTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Certificate> Load(const Authority::Wish& wish) {
    const Authority::Issued issued = authority_.Issue(wish);
    return *Certificate::Load({issued.chain_pem, issued.key_pem, ""});
  }
  void Serve(ServerSettings settings) {
    settings.name = "public";
    settings.tickets = tickets_;
    server_context_ = *ServerContext::Make(std::move(settings));
  }
  // Both ends anew; true if the handshake succeeds.
  bool Connect(const std::string& host, ClientSettings settings = {}) {
    sessions_ = SessionSlot();
    return ConnectAgain(host, std::move(settings));
  }
  // With the sessions of the connection before.
  bool ConnectAgain(const std::string& host, ClientSettings settings = {}) {
    if (settings.trust == nullptr) settings.trust = *Trust::FromPem(authority_.pem());
    client_context_ = *ClientContext::Make(std::move(settings));
    server_ = server_context_->NewSession(io_);
    client_ = client_context_->NewSession(io_, host, &sessions_);
    // A server's tickets go with the first that it says.
    return Shake(*client_, *server_) && Carry(io_, *server_, "hello", *client_) == "hello";
  }
  // With a client's certificate that is good for a few seconds.
  void ResumeUntilExpired(const std::shared_ptr<const Certificate>& certificate) {
    ASSERT_TRUE(Connect("a.example", {.certificate = certificate}));
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (ConnectAgain("a.example", {.certificate = certificate})) {
      ASSERT_LT(absl::Now(), deadline);
      absl::SleepFor(absl::Milliseconds(50));
    }
    EXPECT_EQ(server_->failure(), "certificate_has_expired");
  }
  std::shared_ptr<const Trust> Trusted() { return *Trust::FromPem(authority_.pem()); }

  SystemClock clock_;
  event::Loop loop_{clock_};
  BlockPool pool_{1 << 24};
  IoContext io_{loop_, pool_};
  Authority authority_{"ca"};
  std::shared_ptr<TicketKeys> tickets_ = std::make_shared<TicketKeys>();
  std::shared_ptr<const ServerContext> server_context_;
  std::shared_ptr<const ClientContext> client_context_;
  SessionSlot sessions_;
  std::unique_ptr<SecureLayer> server_;
  std::unique_ptr<SecureLayer> client_;
};

TEST_F(ServerContextTest, WhatOneEndSaysTheOtherReads) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})}});
  ASSERT_TRUE(Connect("a.example")) << client_->failure() << server_->failure();
  EXPECT_EQ(Carry(io_, *client_, "hello", *server_), "hello");
  EXPECT_EQ(Carry(io_, *server_, std::string(100'000, 'x'), *client_), std::string(100'000, 'x'));
  EXPECT_EQ(server_->server_name(), "a.example");
  EXPECT_EQ(server_->version(), "TLSv1.3");
}

TEST_F(ServerContextTest, TheNameThatIsAskedForChoosesTheCertificate) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}}), Load({.names = {"DNS:*.b.example"}}),
                          Load({.names = {"DNS:c.b.example"}})}});
  EXPECT_TRUE(Connect("a.example"));
  EXPECT_TRUE(Connect("x.b.example"));
  EXPECT_TRUE(Connect("C.b.example"));
  EXPECT_FALSE(Connect("other.example"));  // Is shown the first one.
  EXPECT_EQ(client_->failure(), "name_mismatch");
  EXPECT_EQ(client_->fault(), SecureLayer::Fault::kCertificate);
}

TEST_F(ServerContextTest, AnEcdsaCertificateGoesBeforeAnRsaOne) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}, .is_rsa = true}),
                          Load({.names = {"DNS:a.example"}})},
         .max_version = Version::kTls12});
  ASSERT_TRUE(Connect("a.example"));
  EXPECT_EQ(server_->cipher(), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
}

TEST_F(ServerContextTest, ARsaCertificateAloneIsServed) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}, .is_rsa = true})},
         .max_version = Version::kTls12});
  ASSERT_TRUE(Connect("a.example"));
  EXPECT_EQ(server_->cipher(), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
}

TEST_F(ServerContextTest, TheProtocolIsTheServersFirstThatTheClientHas) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})}, .protocols = {"h2", "http/1.1"}});
  ASSERT_TRUE(Connect("a.example", {.protocol = "http/1.1"}));
  EXPECT_EQ(server_->protocol(), "http/1.1");
  ASSERT_TRUE(Connect("a.example", {.protocol = "h2"}));
  EXPECT_EQ(server_->protocol(), "h2");
  ASSERT_TRUE(Connect("a.example"));
  EXPECT_EQ(server_->protocol(), "");
}

TEST_F(ServerContextTest, AClientThatSpeaksSomethingElseIsRefused) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})}});
  EXPECT_FALSE(Connect("a.example", {.protocol = "ftp"}));
  EXPECT_FALSE(Connect("a.example", {.protocol = "h2"}));
  EXPECT_EQ(client_->Handshake(testing::TakeWire(*server_)), SecureLayer::Progress::kFailed);
  EXPECT_EQ(client_->fault(), SecureLayer::Fault::kProtocol);
}

TEST_F(ServerContextTest, ASessionKeepsTheRulesByWhichItWasMade) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})}});
  client_context_ = *ClientContext::Make({.trust = Trusted()});
  server_ = server_context_->NewSession(io_);
  client_ = client_context_->NewSession(io_, "b.example", nullptr);
  client_context_.reset();
  EXPECT_FALSE(Shake(*client_, *server_));
  EXPECT_EQ(client_->failure(), "name_mismatch");
}

TEST_F(ServerContextTest, AServerThatIsNotTrustedIsRefused) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})}});
  Authority other("other");
  EXPECT_FALSE(Connect("a.example", {.trust = *Trust::FromPem(other.pem())}));
  EXPECT_EQ(client_->failure(), "unable_to_get_local_issuer_certificate");
}

TEST_F(ServerContextTest, AnExpiredServerIsRefused) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}, .days = -1})}});
  EXPECT_FALSE(Connect("a.example"));
  EXPECT_EQ(client_->failure(), "certificate_has_expired");
}

TEST_F(ServerContextTest, AServerMayBeKnownByOtherNames) {
  Serve({.certificates = {Load({.names = {"URI:spiffe://prod/orders"}})}});
  EXPECT_TRUE(Connect("10.0.0.1", {.subject_alt_names = {"spiffe://prod/orders"}}));
  EXPECT_FALSE(Connect("10.0.0.1", {.subject_alt_names = {"spiffe://prod/users"}}));
}

TEST_F(ServerContextTest, AReturningClientResumes) {
  for (const Version version : {Version::kTls12, Version::kTls13}) {
    Serve({.certificates = {Load({.names = {"DNS:a.example"}})}, .max_version = version});
    ASSERT_TRUE(Connect("a.example"));
    EXPECT_FALSE(server_->is_resumed());
    ASSERT_TRUE(ConnectAgain("a.example"));
    EXPECT_TRUE(server_->is_resumed());
  }
}

TEST_F(ServerContextTest, AReturningClientResumesAfterTheCertificateChanged) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})}});
  ASSERT_TRUE(Connect("a.example"));
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})}});
  ASSERT_TRUE(ConnectAgain("a.example"));
  EXPECT_TRUE(server_->is_resumed());
}

TEST_F(ServerContextTest, AClientsCertificateIsSeen) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.trust = Trusted()}}});
  ASSERT_TRUE(Connect("a.example",
                      {.certificate = Load({.common_name = "alice", .names = {"URI:x://alice"}})}));
  ASSERT_NE(server_->peer(), nullptr);
  EXPECT_EQ(server_->peer()->subject, "CN=alice");
  EXPECT_EQ(server_->peer()->issuer, "CN=ca");
  EXPECT_EQ(server_->peer()->uris, std::vector<std::string>{"x://alice"});
  EXPECT_EQ(server_->peer()->sha256.size(), 64u);
}

TEST_F(ServerContextTest, AClientsCertificateIsSeenAfterResumption) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.trust = Trusted()}}});
  const auto alice = Load({.common_name = "alice"});
  ASSERT_TRUE(Connect("a.example", {.certificate = alice}));
  ASSERT_TRUE(ConnectAgain("a.example", {.certificate = alice}));
  EXPECT_TRUE(server_->is_resumed());
  ASSERT_NE(server_->peer(), nullptr);
  EXPECT_EQ(server_->peer()->subject, "CN=alice");
}

TEST_F(ServerContextTest, ASessionDoesNotOutliveTheClientsCertificate) {
  for (const Version version : {Version::kTls12, Version::kTls13}) {
    Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
           .max_version = version,
           .client_auth = {{.trust = Trusted()}}});
    ResumeUntilExpired(Load({.common_name = "alice", .seconds = 3}));
  }
}

TEST_F(ServerContextTest, ASessionDoesNotOutliveTheClientsAuthority) {
  Authority brief("brief", /*seconds=*/3);
  const auto issued = brief.Issue({.common_name = "alice"});
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.trust = *Trust::FromPem(brief.pem())}}});
  ResumeUntilExpired(*Certificate::Load({issued.chain_pem, issued.key_pem, ""}));
}

TEST_F(ServerContextTest, AClientWithoutTheRequiredCertificateIsRefused) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.trust = Trusted()}}});
  EXPECT_FALSE(Connect("a.example"));
  EXPECT_EQ(server_->failure(), "peer_did_not_return_a_certificate");
}

TEST_F(ServerContextTest, AClientHearsAfterItsHandshakeThatItsCertificateIsMissing) {
  using Progress = SecureLayer::Progress;
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.trust = Trusted()}}});
  client_context_ = *ClientContext::Make({.trust = Trusted()});
  server_ = server_context_->NewSession(io_);
  client_ = client_context_->NewSession(io_, "a.example", nullptr);
  client_->Handshake({});
  server_->Handshake(testing::TakeWire(*client_));
  EXPECT_EQ(client_->Handshake(testing::TakeWire(*server_)), Progress::kDone);
  EXPECT_EQ(client_->fault(), SecureLayer::Fault::kNone);
  EXPECT_EQ(server_->Handshake(testing::TakeWire(*client_)), Progress::kFailed);
  char out[16];
  EXPECT_EQ(client_->Open(testing::TakeWire(*server_), out, sizeof(out)).status,
            ReadStatus::kError);
  EXPECT_EQ(client_->failure(), "tlsv1_alert_certificate_required");
  EXPECT_EQ(client_->fault(), SecureLayer::Fault::kHandshake);
}

TEST_F(ServerContextTest, AClientMayDoWithoutAnOptionalCertificateButNotShowABadOne) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.is_required = false, .trust = Trusted()}}});
  EXPECT_TRUE(Connect("a.example"));
  EXPECT_EQ(server_->peer(), nullptr);
  Authority other("other");
  const auto issued = other.Issue({.common_name = "mallory"});
  EXPECT_FALSE(Connect(
      "a.example", {.certificate = *Certificate::Load({issued.chain_pem, issued.key_pem, ""})}));
}

TEST_F(ServerContextTest, AClientsNameMustBeOneOfThoseAllowed) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.trust = Trusted(), .subject_alt_names = {"x://alice"}}}});
  EXPECT_TRUE(Connect("a.example", {.certificate = Load({.names = {"URI:x://alice"}})}));
  EXPECT_FALSE(Connect("a.example", {.certificate = Load({.names = {"URI:x://bob"}})}));
  EXPECT_EQ(server_->failure(), "subject_alt_name_not_allowed");
}

TEST_F(ServerContextTest, ASessionOfOneNameOpensNoDoorOfAnother) {
  Serve({.certificates = {Load({.names = {"DNS:a.example", "DNS:b.example"}})},
         .client_auth = {{.server_names = {"b.example"}, .trust = Trusted()}}});
  ASSERT_TRUE(Connect("a.example"));
  // The ticket of a.example, shown to b.example by a client without a certificate.
  EXPECT_FALSE(ConnectAgain("b.example"));
}

TEST_F(ServerContextTest, ScopesAreToldByName) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.server_names = {"*.b.example"}, .trust = Trusted()},
                         {.server_names = {"c.b.example"},
                          .trust = Trusted(),
                          .subject_alt_names = {"x://alice"}}}});
  const uint64_t any = server_context_->ScopeOf("x.b.example");
  EXPECT_NE(any, 0u);
  EXPECT_EQ(server_context_->ScopeOf("y.x.b.example"), any);
  EXPECT_NE(server_context_->ScopeOf("c.b.example"), any);
  for (const char* name : {"a.example", "b.example", ".b.example.org", "[::1]", ""}) {
    EXPECT_EQ(server_context_->ScopeOf(name), 0u) << name;
  }
  ASSERT_TRUE(Connect("x.b.example", {.subject_alt_names = {"a.example"},
                                      .certificate = Load({.common_name = "alice"})}));
  EXPECT_EQ(server_->client_auth_scope(), any);
}

TEST_F(ServerContextTest, OfTwoWildcardsTheLongerCounts) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.server_names = {"*.example"}, .trust = Trusted()},
                         {.server_names = {"*.b.example"},
                          .trust = Trusted(),
                          .subject_alt_names = {"x://alice"}},
                         {.server_names = {"*.c.example"}, .trust = Trusted()}}});
  EXPECT_NE(server_context_->ScopeOf("x.b.example"), server_context_->ScopeOf("x.example"));
  EXPECT_EQ(server_context_->ScopeOf("x.c.example"), server_context_->ScopeOf("x.example"));
}

TEST_F(ServerContextTest, AFinalDotInTheNameChangesNothing) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})},
         .client_auth = {{.server_names = {"b.example"}, .trust = Trusted()}}});
  EXPECT_TRUE(Connect("a.example"));
  EXPECT_FALSE(Connect("b.example.", {.subject_alt_names = {"a.example"}}));
}

TEST_F(ServerContextTest, OldVersionsAreNotSpoken) {
  Serve({.certificates = {Load({.names = {"DNS:a.example"}})}, .min_version = Version::kTls13});
  EXPECT_FALSE(Connect("a.example", {.max_version = Version::kTls12}));
  EXPECT_EQ(server_->failure(), "unsupported_protocol");
  EXPECT_EQ(client_->Handshake(testing::TakeWire(*server_)), SecureLayer::Progress::kFailed);
  EXPECT_EQ(client_->fault(), SecureLayer::Fault::kHandshake);
}

}  // namespace
}  // namespace sluice::net::tls
