#include "proxy/http/rules.h"

#include "absl/strings/ascii.h"
#include "proxy/net/address.h"

namespace sluice::http {
namespace {

bool IsValidPort(absl::string_view port) {
  if (port.empty() || port.size() > 5) return false;
  uint32_t value = 0;
  for (const char c : port) {
    if (!absl::ascii_isdigit(c)) return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  return value <= 65535;
}

}  // namespace

bool IsToken(absl::string_view text) {
  for (const char c : text) {
    const bool is_mark =
        c != 0 && absl::string_view("!#$%&'*+-.^_`|~").find(c) != absl::string_view::npos;
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && !is_mark) return false;
  }
  return !text.empty();
}

bool IsUpgradeProtocol(absl::string_view text) {
  constexpr size_t kMaxBytes = 64;
  const size_t slash = text.find('/');
  return text.size() <= kMaxBytes && IsToken(text.substr(0, slash)) &&
         (slash == absl::string_view::npos || IsToken(text.substr(slash + 1)));
}

bool IsHeaderValue(absl::string_view text) {
  if (text.empty()) return true;
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  if (is_space(text.front()) || is_space(text.back())) return false;
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t') return false;
  }
  return true;
}

bool IsValidAuthority(absl::string_view authority) {
  absl::string_view host = authority;
  if (!authority.empty() && authority.front() == '[') {
    const size_t close = authority.find(']');
    if (close == absl::string_view::npos) return false;
    const auto ip = net::IpAddress::Parse(authority.substr(1, close - 1));
    if (!ip || authority.substr(1, close - 1).find(':') == absl::string_view::npos) return false;
    const absl::string_view rest = authority.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && IsValidPort(rest.substr(1)));
  }
  const size_t colon = authority.find(':');
  if (colon != absl::string_view::npos) {
    if (!IsValidPort(authority.substr(colon + 1))) return false;
    host = authority.substr(0, colon);
  }
  if (host.empty() || host.size() > 255) return false;
  for (const char c : host) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '.' && c != '_' && c != '~') return false;
  }
  return true;
}

std::optional<uint64_t> ParseContentLength(absl::string_view value) {
  // Eighteen digits are below 2^63.
  if (value.empty() || value.size() > 18 || (value.size() > 1 && value[0] == '0')) {
    return std::nullopt;
  }
  uint64_t length = 0;
  for (const char c : value) {
    if (!absl::ascii_isdigit(c)) return std::nullopt;
    length = length * 10 + static_cast<uint64_t>(c - '0');
  }
  return length;
}

bool IsHopByHop(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

bool IsWrittenByCodec(HeaderId id) {
  switch (id) {
    case HeaderId::kContentLength:
    case HeaderId::kExpect:
    case HeaderId::kHost:
    case HeaderId::kTrailer:
      return true;
    default:
      return IsHopByHop(id);
  }
}

bool IsProtectedFromConnection(HeaderId id) {
  switch (id) {
    case HeaderId::kAuthorization:
    case HeaderId::kContentLength:
    case HeaderId::kContentType:
    case HeaderId::kCookie:
    case HeaderId::kExpect:
    case HeaderId::kForwarded:
    case HeaderId::kHost:
    case HeaderId::kTransferEncoding:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedProto:
    case HeaderId::kXRequestId:
      return true;
    default:
      return false;
  }
}

bool IsForbiddenTrailer(HeaderId id) {
  switch (id) {
    case HeaderId::kAuthorization:
    case HeaderId::kConnection:
    case HeaderId::kContentEncoding:
    case HeaderId::kContentLength:
    case HeaderId::kContentType:
    case HeaderId::kCookie:
    case HeaderId::kExpect:
    case HeaderId::kForwarded:
    case HeaderId::kHost:
    case HeaderId::kKeepAlive:
    case HeaderId::kLocation:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kProxyConnection:
    case HeaderId::kSetCookie:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
    case HeaderId::kWwwAuthenticate:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedProto:
      return true;
    default:
      return false;
  }
}

}  // namespace sluice::http
