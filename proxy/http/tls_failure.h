// What it means for streams that TLS under their connection failed.
#pragma once

#include <cerrno>

#include "proxy/http/stream.h"
#include "proxy/net/secure_layer.h"

namespace sluice::http {

// `otherwise`: of a plain connection, and where TLS is not to blame. `secure` may be null.
inline ResetReason TlsFailureOr(const net::SecureLayer* secure, ResetReason otherwise) {
  using Fault = net::SecureLayer::Fault;
  switch (secure == nullptr ? Fault::kNone : secure->fault()) {
    case Fault::kHandshake:
      return ResetReason::kTlsFailed;
    case Fault::kCertificate:
      return ResetReason::kTlsUntrusted;
    case Fault::kProtocol:
      return ResetReason::kTlsNoProtocol;
    case Fault::kNone:
      break;
  }
  return otherwise;
}

// Of net::Connection::Owner::OnConnected(), which gave `error`.
inline ResetReason ConnectFailureOf(const net::SecureLayer* secure, int error) {
  return error == EPROTO ? TlsFailureOr(secure, ResetReason::kTlsFailed)
                         : ResetReason::kConnectFailed;
}

}  // namespace sluice::http
