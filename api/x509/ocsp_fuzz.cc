// OCSP responses, as they stand in a Certificate.

#include <cstddef>
#include <cstdint>

#include "api/x509/ocsp.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::x509::Certificate certificate;
  certificate.serial = "\x65";
  (void)sluice::x509::ParseOcsp(absl::string_view(reinterpret_cast<const char*>(data), size),
                                certificate);
  return 0;
}
