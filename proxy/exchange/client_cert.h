// X-Forwarded-Client-Cert: what an upstream is told about the client's certificate.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/http/message.h"
#include "proxy/net/secure_layer.h"

namespace sluice::exchange {

// See Listener.tls.forward_client_cert.
struct ForwardClientCert {
  enum class Mode : uint8_t {
    kSanitize,
    kForwardOnly,
    kAppendForward,
    kSanitizeSet,
    kAlwaysForwardOnly,
  };
  Mode mode = Mode::kSanitize;
  bool subject = false;
  bool cert = false;
  bool chain = false;
  bool dns = false;
  bool uri = false;
};

// Takes the header out of `head` and returns what is to be there instead, in its arena; empty:
// nothing. `peer` is null if the client showed no certificate.
absl::string_view TakeClientCert(http::RequestHead& head, const ForwardClientCert& forward,
                                 const net::PeerIdentity* peer);

inline constexpr absl::string_view kClientCertHeader = "x-forwarded-client-cert";

}  // namespace sluice::exchange
