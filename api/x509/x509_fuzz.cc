// Certificates and private keys, as PEM and as bare DER.

#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "api/x509/certificate.h"
#include "api/x509/key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  (void)sluice::x509::ParseCertificates(text);
  (void)sluice::x509::PublicHalf(text);
  (void)sluice::x509::ParseCertificate(text);
  (void)sluice::x509::ParsePublicKey(text);
  for (const absl::string_view label : {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"}) {
    (void)sluice::x509::PublicHalf(absl::StrCat("-----BEGIN ", label, "-----\n",
                                                absl::Base64Escape(text), "\n-----END ", label,
                                                "-----\n"));
  }
  return 0;
}
