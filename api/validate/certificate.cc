// What can be told of a certificate without the library that serves it: its structure, its key, its
// dates. Messages repeat nothing of what stands there.

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "api/resource/credentials.h"
#include "api/validate/bounds.h"
#include "api/validate/kinds.h"
#include "api/x509/certificate.h"
#include "api/x509/key.h"
#include "api/x509/ocsp.h"
#include "sluice/v1/certificate.pb.h"

namespace sluice::validate {
namespace {

constexpr size_t kMaxChainBytes = 64 << 10;
constexpr size_t kMaxKeyBytes = 16 << 10;
constexpr size_t kMaxOcspBytes = 16 << 10;
constexpr int kMaxCertificates = 16;
constexpr int kMinRsaBits = 2048;

std::string Day(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

void CheckDates(const x509::Certificate& certificate, const Field& field) {
  const absl::Time now = absl::Now();
  if (certificate.not_after < now) {
    field.Warn(absl::StrCat("expired on ", Day(certificate.not_after)), "one that is valid");
  } else if (certificate.not_before > now) {
    field.Warn(absl::StrCat("is not valid before ", Day(certificate.not_before)),
               "one that is valid");
  }
}

// The first certificate; null if there is something wrong with the chain.
const x509::Certificate* CheckChain(const absl::StatusOr<std::vector<x509::Certificate>>& chain,
                                    const Field& field) {
  if (!chain.ok()) {
    field.Refuse(std::string(chain.status().message()),
                 "PEM: the certificate, then its intermediates");
    return nullptr;
  }
  CheckCount(field, static_cast<int>(chain->size()), kMaxCertificates, "certificates");
  for (const x509::Certificate& certificate : *chain) CheckDates(certificate, field);
  const x509::Certificate& own = chain->front();
  if (!own.has_names) {
    field.Warn("has no subject alternative names: clients accept it for no name",
               "a certificate with the names of the servers");
  }
  return &own;
}

void CheckKey(const absl::StatusOr<x509::PublicKey>& key, const x509::Certificate* certificate,
              const Field& field) {
  if (!key.ok()) {
    return field.Refuse(std::string(key.status().message()),
                        "PEM of an RSA key, or an ECDSA one on P-256 or P-384");
  }
  if (key->type == x509::KeyType::kRsa && key->bits < kMinRsaBits) {
    field.Refuse(absl::StrCat("is an RSA key of ", key->bits, " bits"), "at least 2048 bits");
  }
  if (certificate == nullptr) return;
  if (key->type != certificate->key.type || key->identity != certificate->key.identity) {
    field.Refuse("is not the key of the first certificate of certificate_chain",
                 "the key that the certificate was made with");
  }
}

// `own`: the certificate that it should be about; null: there is none to compare with.
void CheckOcsp(absl::string_view der, const x509::Certificate* own, const Field& field) {
  if (own == nullptr) return;
  const absl::StatusOr<x509::OcspAnswer> answer = x509::ParseOcsp(der, *own);
  if (!answer.ok()) {
    return field.Refuse(std::string(answer.status().message()),
                        "an OCSP response about this certificate");
  }
  if (answer->status != x509::OcspAnswer::Status::kGood) {
    const bool is_revoked = answer->status == x509::OcspAnswer::Status::kRevoked;
    return field.Refuse(is_revoked ? "says that the certificate is revoked"
                                   : "says that the certificate is unknown",
                        "a response that says good");
  }
  const absl::Time now = absl::Now();
  if (answer->until <= now) {
    field.Warn(absl::StrCat("ended on ", Day(answer->until), ": it is not handed out"),
               "a response of now");
  } else if (answer->from > now) {
    field.Warn(absl::StrCat("holds from ", Day(answer->from), " only: it is not handed out before"),
               "a response of now");
  }
}

}  // namespace

void CheckCertificate(const v1::Certificate& certificate, const Field& field) {
  const Field chain_field = field.At("certificate_chain");
  const Field key_field = field.At("private_key");
  CheckLength(chain_field, certificate.certificate_chain(), kMaxChainBytes);
  CheckLength(key_field, certificate.private_key(), kMaxKeyBytes);
  const x509::Certificate* own = nullptr;
  absl::StatusOr<std::vector<x509::Certificate>> chain;
  if (!certificate.certificate_chain().empty()) {
    chain = x509::ParseCertificates(certificate.certificate_chain());
    own = CheckChain(chain, chain_field);
  }
  // A hash stands for a key that is stored elsewhere: who stores it compares.
  const std::string& key = certificate.private_key();
  if (!key.empty() && !resource::IsHashedCredential(key)) {
    CheckKey(x509::PublicHalf(key), own, key_field);
  }
  const Field ocsp = field.At("ocsp_response");
  CheckLength(ocsp, certificate.ocsp_response(), kMaxOcspBytes);
  std::string der;
  if (!absl::Base64Unescape(certificate.ocsp_response(), &der)) {
    ocsp.Refuse("is no base64", "a response in DER, as base64");
  } else if (!der.empty()) {
    CheckOcsp(der, own, ocsp);
  }
}

}  // namespace sluice::validate
