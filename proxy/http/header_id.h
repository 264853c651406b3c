// Header names that the proxy itself looks at, as small numbers.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace sluice::http {

enum class HeaderId : uint8_t {
  kAccept,
  kAllow,
  kAuthorization,
  kConnection,
  kContentEncoding,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kForwarded,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kLocation,
  kProxyAuthorization,
  kProxyConnection,
  kProxyStatus,
  kReferer,
  kRetryAfter,
  kServer,
  kSetCookie,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kWwwAuthenticate,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXRequestId,
  kOther,  // Every other name.
};

inline constexpr size_t kHeaderIds = static_cast<size_t>(HeaderId::kOther);

// The id of a name in any case; kOther if it is none of these.
HeaderId LookupHeader(absl::string_view name);

// In lower case, as everywhere here.
absl::string_view HeaderName(HeaderId id);

}  // namespace sluice::http
