#include "api/x509/ocsp.h"

#include <nettle/sha1.h>
#include <nettle/sha2.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "api/x509/der.h"
#include "api/x509/der_time.h"
#include "base/status_macros.h"

namespace sluice::x509 {
namespace {

constexpr uint8_t kEnumerated = 0x0a;
constexpr absl::string_view kBasic("\x2b\x06\x01\x05\x05\x07\x30\x01\x01", 9);
constexpr absl::string_view kSha1("\x2b\x0e\x03\x02\x1a", 5);
constexpr absl::string_view kSha256("\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9);

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

absl::Status Broken() { return absl::InvalidArgumentError("is no OCSP response"); }

std::string Sha1Of(absl::string_view text) {
  sha1_ctx context;
  sha1_init(&context);
  sha1_update(&context, text.size(), Bytes(text));
  std::string digest(SHA1_DIGEST_SIZE, '\0');
  sha1_digest(&context, digest.size(), reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

std::string Sha256Of(absl::string_view text) {
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, text.size(), Bytes(text));
  std::string digest(SHA256_DIGEST_SIZE, '\0');
  sha256_digest(&context, digest.size(), reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

// The BasicOCSPResponse within an OCSPResponse.
absl::StatusOr<absl::string_view> ReadEnvelope(absl::string_view der) {
  DerReader outer(der);
  const auto content = outer.Read(kSequence);
  if (!content || !outer.at_end()) return Broken();
  DerReader parts(*content);
  const auto status = parts.Read(kEnumerated);
  if (!status || status->size() != 1) return Broken();
  if ((*status)[0] != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "says only that the responder failed, with status ", static_cast<int>((*status)[0])));
  }
  const auto wrapped = parts.Read(ContextOf(0));
  if (!wrapped || !parts.at_end()) return Broken();
  DerReader wrapper(*wrapped);
  const auto typed = wrapper.Read(kSequence);
  if (!typed) return Broken();
  DerReader fields(*typed);
  const auto type = fields.Read(kObject);
  const auto response = fields.Read(kOctetString);
  if (!type || *type != kBasic || !response) return Broken();
  return *response;
}

// The list of SingleResponse in a BasicOCSPResponse.
std::optional<absl::string_view> ReadAnswers(absl::string_view basic) {
  DerReader outer(basic);
  const auto content = outer.Read(kSequence);
  if (!content || !outer.at_end()) return std::nullopt;
  DerReader parts(*content);
  const auto data = parts.Read(kSequence);
  if (!data || !parts.Read(kSequence) || !parts.Read(kBitString)) return std::nullopt;
  DerReader fields(*data);
  fields.Read(ContextOf(0));                                                          // Version.
  if (!fields.Read(ContextOf(1)) && !fields.Read(ContextOf(2))) return std::nullopt;  // Responder.
  if (!ReadTime(fields)) return std::nullopt;                                         // Produced.
  return fields.Read(kSequence);
}

// Whether a CertID names `certificate`; nullopt if it is broken.
std::optional<bool> IsOf(absl::string_view id, const Certificate& certificate) {
  DerReader parts(id);
  const auto algorithm = parts.Read(kSequence);
  const auto name_hash = parts.Read(kOctetString);
  const auto key_hash = parts.Read(kOctetString);
  const auto serial = parts.Read(kInteger);
  if (!algorithm || !name_hash || !key_hash || !serial) return std::nullopt;
  if (*serial != certificate.serial) return false;
  const auto oid = DerReader(*algorithm).Read(kObject);
  if (!oid) return std::nullopt;
  if (*oid == kSha1) return *name_hash == Sha1Of(certificate.issuer);
  return *oid == kSha256 && *name_hash == Sha256Of(certificate.issuer);
}

// What follows the CertID in a SingleResponse.
absl::StatusOr<OcspAnswer> ReadAnswer(DerReader& parts) {
  OcspAnswer answer;
  if (parts.Read(Context(0)).has_value()) {
    answer.status = OcspAnswer::Status::kGood;
  } else if (parts.Read(ContextOf(1)).has_value()) {
    answer.status = OcspAnswer::Status::kRevoked;
  } else if (!parts.Read(Context(2)).has_value()) {
    return Broken();
  }
  const auto from = ReadTime(parts);
  if (!from) return Broken();
  const auto next = parts.Read(ContextOf(0));
  if (!next) return absl::InvalidArgumentError("does not say until when it holds");
  DerReader next_update(*next);
  const auto until = ReadTime(next_update);
  if (!until) return Broken();
  answer.from = *from;
  answer.until = *until;
  return answer;
}

}  // namespace

absl::StatusOr<OcspAnswer> ParseOcsp(absl::string_view der, const Certificate& certificate) {
  ASSIGN_OR_RETURN(const absl::string_view basic, ReadEnvelope(der));
  const std::optional<absl::string_view> answers = ReadAnswers(basic);
  if (!answers) return Broken();
  for (DerReader list(*answers); !list.at_end();) {
    const auto single = list.Read(kSequence);
    if (!single) return Broken();
    DerReader parts(*single);
    const auto id = parts.Read(kSequence);
    if (!id) return Broken();
    const std::optional<bool> is_ours = IsOf(*id, certificate);
    if (!is_ours) return Broken();
    if (*is_ours) return ReadAnswer(parts);
  }
  return absl::InvalidArgumentError("is not about the first certificate of certificate_chain");
}

}  // namespace sluice::x509
