#include "api/x509/testing/ocsp.h"

#include <nettle/sha1.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace sluice::x509 {
namespace {

std::string Element(int tag, absl::string_view content) {
  std::string out(1, static_cast<char>(tag));
  const size_t size = content.size();
  if (size >= 256) {
    absl::StrAppend(&out, "\x82", std::string(1, static_cast<char>(size >> 8)));
  } else if (size >= 128) {
    absl::StrAppend(&out, "\x81");
  }
  return absl::StrCat(out, std::string(1, static_cast<char>(size & 0xff)), content);
}

std::string Time(absl::Time time) {
  return Element(0x18, absl::FormatTime("%Y%m%d%H%M%SZ", time, absl::UTCTimeZone()));
}

std::string IssuerHash(const Certificate& certificate) {
  sha1_ctx context;
  sha1_init(&context);
  sha1_update(&context, certificate.issuer.size(),
              reinterpret_cast<const uint8_t*>(certificate.issuer.data()));
  std::string digest(SHA1_DIGEST_SIZE, '\0');
  sha1_digest(&context, digest.size(), reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

std::string StatusOf(OcspAnswer::Status status, absl::Time when) {
  switch (status) {
    case OcspAnswer::Status::kGood:
      return Element(0x80, "");
    case OcspAnswer::Status::kRevoked:
      return Element(0xa1, Time(when));
    case OcspAnswer::Status::kUnknown:
      break;
  }
  return Element(0x82, "");
}

}  // namespace

std::string MakeOcsp(const Certificate& certificate, const OcspAnswer& answer) {
  const std::string algorithm = Element(0x30, Element(0x06, "\x2b\x0e\x03\x02\x1a"));
  const std::string id = Element(
      0x30, absl::StrCat(algorithm, Element(0x04, IssuerHash(certificate)),
                         Element(0x04, std::string(20, 'k')), Element(0x02, certificate.serial)));
  std::string single = absl::StrCat(id, StatusOf(answer.status, answer.from), Time(answer.from));
  if (answer.until != absl::InfiniteFuture()) {
    absl::StrAppend(&single, Element(0xa0, Time(answer.until)));
  }
  const std::string data =
      Element(0x30, absl::StrCat(Element(0xa2, Element(0x04, std::string(20, 'k'))),
                                 Time(answer.from), Element(0x30, Element(0x30, single))));
  const std::string basic =
      Element(0x30, absl::StrCat(data, algorithm, Element(0x03, absl::string_view("\0sig", 4))));
  const std::string typed = Element(
      0x30,
      absl::StrCat(Element(0x06, "\x2b\x06\x01\x05\x05\x07\x30\x01\x01"), Element(0x04, basic)));
  return Element(0x30,
                 absl::StrCat(Element(0x0a, absl::string_view("\0", 1)), Element(0xa0, typed)));
}

std::string MakeFailedOcsp(char status) {
  return Element(0x30, Element(0x0a, std::string(1, status)));
}

}  // namespace sluice::x509
