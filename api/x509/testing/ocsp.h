// OCSP responses for tests. Nobody has signed them: readers here do not verify that.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "api/x509/certificate.h"
#include "api/x509/ocsp.h"

namespace sluice::x509 {

// In DER. An end in the infinite future is left out.
std::string MakeOcsp(const Certificate& certificate, const OcspAnswer& answer);
// "The responder failed."
std::string MakeFailedOcsp(char status);

}  // namespace sluice::x509
