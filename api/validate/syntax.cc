#include "api/validate/syntax.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/match/ip_ranges.h"
#include "api/resource/problem.h"

namespace sluice::validate {
namespace {

using resource::Quoted;

constexpr size_t kMaxNameBytes = 253;
constexpr size_t kMaxLabelKeyBytes = 63;
constexpr size_t kMaxHeaderNameBytes = 256;
constexpr size_t kMaxHeaderValueBytes = 4096;
constexpr size_t kMaxParameterNameBytes = 128;

Flaw Not(absl::string_view what, absl::string_view text, std::string want) {
  return {absl::StrCat("not ", what, ", got ", Quoted(text)), std::move(want)};
}

bool IsAlnum(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsUpper(char c) { return absl::ascii_isupper(static_cast<unsigned char>(c)); }
bool IsControl(char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }

template <typename Predicate>
bool All(absl::string_view text, Predicate is) {
  return std::all_of(text.begin(), text.end(), is);
}

bool IsTokenCharacter(char c) { return IsAlnum(c) || absl::StrContains("!#$%&'*+-.^_`|~", c); }

// A label of a DNS name; "_" is not allowed in host names, but found in those of services.
bool IsDnsLabel(absl::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         All(label, [](char c) { return IsAlnum(c) || c == '-' || c == '_'; });
}

bool IsDnsName(absl::string_view name) {
  absl::ConsumeSuffix(&name, ".");
  if (name.empty() || name.size() > 253) return false;
  absl::string_view last;
  for (absl::string_view label : absl::StrSplit(name, '.')) {
    if (!IsDnsLabel(label)) return false;
    last = label;
  }
  // "10.0.0.300" is a mistyped address, not a name: no top-level domain is a number.
  return !All(last, IsDigit);
}

std::optional<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  const bool has_digits = !text.empty() && text.size() <= 5 && All(text, IsDigit);
  if (!has_digits || !absl::SimpleAtoi(text, &port) || port == 0 || port > 65535) {
    return std::nullopt;
  }
  return static_cast<uint16_t>(port);
}

// An IP address without brackets, or a name.
std::optional<HostPort> ParseHost(absl::string_view text, bool is_bracketed) {
  HostPort result;
  result.is_ip = match::ParseIp(text).has_value();
  result.is_ipv6 = result.is_ip && absl::StrContains(text, ':');
  if (is_bracketed != result.is_ipv6) return std::nullopt;
  if (!result.is_ip && !IsDnsName(text)) return std::nullopt;
  result.host = absl::AsciiStrToLower(text);
  return result;
}

}  // namespace

std::optional<Flaw> CheckName(absl::string_view text) {
  const bool is_valid =
      !text.empty() && text.size() <= kMaxNameBytes && IsAlnum(text.front()) &&
      IsAlnum(text.back()) &&
      All(text, [](char c) { return (IsAlnum(c) && !IsUpper(c)) || c == '.' || c == '-'; });
  if (is_valid) return std::nullopt;
  return Not("a name", text, "1-253 of [a-z0-9.-], a letter or digit at both ends");
}

std::optional<Flaw> CheckLabelKey(absl::string_view text) {
  const bool is_valid = !text.empty() && text.size() <= kMaxLabelKeyBytes && All(text, [](char c) {
    return IsAlnum(c) || absl::StrContains("_./-", c);
  });
  if (is_valid) return std::nullopt;
  return Not("a label key", text, "1-63 of [A-Za-z0-9_./-]");
}

std::optional<Flaw> CheckLabelValue(absl::string_view text) {
  if (text.size() <= kMaxNameBytes && std::none_of(text.begin(), text.end(), IsControl)) {
    return std::nullopt;
  }
  return Not("a label value", text, "up to 253 characters without control characters");
}

std::string HostPort::ToString() const {
  const auto ip = match::ParseIp(host);
  if (!is_ipv6 || !ip.has_value()) return absl::StrCat(absl::StripSuffix(host, "."), ":", port);
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, ip->data(), text, sizeof(text));
  return absl::StrCat("[", text, "]:", port);
}

std::optional<HostPort> ParseHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  const std::optional<uint16_t> port = ParsePort(text.substr(colon + 1));
  if (!port.has_value()) return std::nullopt;
  absl::string_view host = text.substr(0, colon);
  const bool is_bracketed = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  std::optional<HostPort> result = ParseHost(host, is_bracketed);
  if (result.has_value()) result->port = *port;
  return result;
}

std::optional<Flaw> CheckSocketAddress(absl::string_view text) {
  const std::optional<HostPort> parsed = ParseHostPort(text);
  if (parsed.has_value() && parsed->is_ip) return std::nullopt;
  if (absl::StartsWith(text, ":") && ParsePort(text.substr(1)).has_value()) {
    return Not("an address", text, absl::StrCat("0.0.0.0", text, " or [::]", text));
  }
  return Not("an address", text, "IP:PORT, such as 0.0.0.0:8080 or [::]:8080");
}

std::optional<Flaw> CheckEndpointAddress(absl::string_view text) {
  if (ParseHostPort(text).has_value()) return std::nullopt;
  if (absl::StrContains(text, "://")) {
    return Not("an address", text, "the host and the port alone, such as orders.internal:8080");
  }
  const bool lacks_port = ParseHostPort(absl::StrCat(text, ":80")).has_value();
  return Not("an address", text,
             lacks_port ? absl::StrCat("a port: ", text, ":80")
                        : "IP:PORT or NAME:PORT, such as 10.0.0.1:8080, [2001:db8::1]:8080 or "
                          "orders.internal:8080");
}

std::optional<Flaw> CheckAuthority(absl::string_view text) {
  const bool is_valid =
      ParseHostPort(text).has_value() || ParseHostPort(absl::StrCat(text, ":80")).has_value();
  if (is_valid) return std::nullopt;
  return Not("a host", text, "a name or IP address, with or without a port");
}

std::optional<Flaw> CheckRangeOfIps(absl::string_view text) {
  match::IpRanges ranges;
  return ranges.Add(text);
}

std::optional<Flaw> CheckHeaderName(absl::string_view text) {
  if (!text.empty() && text.size() <= kMaxHeaderNameBytes && All(text, IsTokenCharacter)) {
    return std::nullopt;
  }
  return Not("a header name", text, "letters, digits and hyphens, such as x-team");
}

std::optional<Flaw> CheckHeaderValue(absl::string_view text) {
  if (text.size() > kMaxHeaderValueBytes) {
    return Flaw{absl::StrCat("too long, got ", text.size(), " bytes"),
                absl::StrCat(kMaxHeaderValueBytes, " bytes at most")};
  }
  const bool has_control =
      std::any_of(text.begin(), text.end(), [](char c) { return IsControl(c) && c != '\t'; });
  if (has_control) return Not("a header value", text, "no control characters");
  if (text != absl::StripAsciiWhitespace(text)) {
    return Not("a header value", text, "no space at either end");
  }
  return std::nullopt;
}

bool IsFramingHeader(absl::string_view name) {
  static constexpr absl::string_view kFraming[] = {
      "connection",        "content-length",   "expect", "http2-settings",
      "keep-alive",        "proxy-connection", "te",     "trailer",
      "transfer-encoding", "upgrade",
  };
  return std::any_of(std::begin(kFraming), std::end(kFraming), [name](absl::string_view framing) {
    return absl::EqualsIgnoreCase(framing, name);
  });
}

std::optional<Flaw> CheckParameterName(absl::string_view text) {
  const bool is_valid = !text.empty() && text.size() <= kMaxParameterNameBytes &&
                        All(text, [](char c) { return c > 0x20 && c < 0x7F; });
  if (is_valid) return std::nullopt;
  return Not("a name", text, "1-128 visible ASCII characters");
}

std::optional<uint32_t> ParsePercent(absl::string_view text) {
  uint32_t percent;
  if (!absl::ConsumeSuffix(&text, "%") || text.empty() || text.size() > 3) return std::nullopt;
  if (!absl::c_all_of(text, absl::ascii_isdigit)) return std::nullopt;
  if (!absl::SimpleAtoi(text, &percent) || percent > 100) return std::nullopt;
  return percent;
}

std::optional<Flaw> CheckPrintable(absl::string_view text) {
  if (std::none_of(text.begin(), text.end(), IsControl)) return std::nullopt;
  return Not("plain text", text, "no control characters");
}

}  // namespace sluice::validate
