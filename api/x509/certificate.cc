#include "api/x509/certificate.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/x509/der.h"
#include "api/x509/der_time.h"
#include "api/x509/pem.h"
#include "base/status_macros.h"

namespace sluice::x509 {
namespace {

constexpr absl::string_view kSubjectAltName("\x55\x1d\x11", 3);
constexpr uint8_t kDnsName = Context(2);

bool ReadAltNames(absl::string_view value, Certificate& certificate) {
  DerReader outer(value);
  const auto content = outer.Read(kSequence);
  if (!content || !outer.at_end()) return false;
  for (DerReader names(*content); !names.at_end();) {
    certificate.has_names = true;
    const uint8_t tag = names.tag();
    const auto name = tag == kDnsName ? names.Read(tag) : names.ReadElement();
    if (!name) return false;
    if (tag == kDnsName) certificate.dns_names.emplace_back(*name);
  }
  return true;
}

bool ReadExtensions(absl::string_view wrapped, Certificate& certificate) {
  DerReader outer(wrapped);
  const auto list = outer.Read(kSequence);
  if (!list || !outer.at_end()) return false;
  for (DerReader extensions(*list); !extensions.at_end();) {
    const auto content = extensions.Read(kSequence);
    if (!content) return false;
    DerReader parts(*content);
    const auto oid = parts.Read(kObject);
    parts.Read(kBoolean);  // Critical.
    const auto value = parts.Read(kOctetString);
    if (!oid || !value) return false;
    if (*oid == kSubjectAltName && !ReadAltNames(*value, certificate)) return false;
  }
  return true;
}

// Of TBSCertificate; false if it is broken.
bool ReadBody(absl::string_view body, Certificate& certificate) {
  DerReader parts(body);
  parts.Read(ContextOf(0));  // Version.
  const auto serial = parts.Read(kInteger);
  if (!serial || !parts.Read(kSequence) || parts.tag() != kSequence) return false;
  const auto issuer = parts.ReadElement();
  if (!issuer) return false;
  certificate.serial = std::string(*serial);
  certificate.issuer = std::string(*issuer);
  const auto validity = parts.Read(kSequence);
  if (!validity || !parts.Read(kSequence)) return false;
  DerReader times(*validity);
  const auto not_before = ReadTime(times);
  const auto not_after = ReadTime(times);
  if (!not_before || !not_after) return false;
  certificate.not_before = *not_before;
  certificate.not_after = *not_after;
  const auto key_info = parts.ReadElement();
  if (!key_info) return false;
  absl::StatusOr<PublicKey> key = ParsePublicKey(*key_info);
  if (!key.ok()) return false;
  certificate.key = *std::move(key);
  parts.Read(Context(1));  // Unique identifiers, of old times.
  parts.Read(Context(2));
  const auto extensions = parts.Read(ContextOf(3));
  return (!extensions || ReadExtensions(*extensions, certificate)) && parts.at_end();
}

}  // namespace

absl::StatusOr<Certificate> ParseCertificate(absl::string_view der) {
  Certificate certificate;
  DerReader outer(der);
  const auto content = outer.Read(kSequence);
  if (content && outer.at_end()) {
    DerReader parts(*content);
    const auto body = parts.Read(kSequence);
    if (body && parts.Read(kSequence) && parts.Read(kBitString) && parts.at_end() &&
        ReadBody(*body, certificate)) {
      return certificate;
    }
  }
  return absl::InvalidArgumentError("is no X.509 certificate");
}

absl::StatusOr<std::vector<Certificate>> ParseCertificates(absl::string_view pem) {
  ASSIGN_OR_RETURN(const std::vector<PemBlock> blocks, ParsePem(pem));
  if (blocks.empty()) return absl::InvalidArgumentError("holds no certificate in PEM");
  std::vector<Certificate> certificates;
  for (const PemBlock& block : blocks) {
    const std::string which = absl::StrCat("PEM block ", certificates.size() + 1, " ");
    if (block.label != "CERTIFICATE") {
      return absl::InvalidArgumentError(absl::StrCat(which, "is no CERTIFICATE"));
    }
    absl::StatusOr<Certificate> certificate = ParseCertificate(block.der);
    if (!certificate.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(which, certificate.status().message()));
    }
    certificates.push_back(*std::move(certificate));
  }
  return certificates;
}

}  // namespace sluice::x509
