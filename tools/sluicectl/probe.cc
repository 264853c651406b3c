#include "tools/sluicectl/probe.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/match/ip_ranges.h"
#include "base/status_macros.h"
#include "tools/sluicectl/failure.h"

namespace sluice::sluicectl {
namespace {

constexpr uint32_t kMaxPort = 65535;

// The port at the end of "host:port" or "[::1]:port"; nothing where there is none.
absl::StatusOr<std::optional<uint16_t>> PortOf(absl::string_view host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  if (bracket != absl::string_view::npos && colon < bracket) return std::nullopt;
  uint32_t port = 0;
  if (!absl::SimpleAtoi(host.substr(colon + 1), &port) || port == 0 || port > kMaxPort) {
    return UsageError(absl::StrCat("URL: \"", host, "\" has no valid port"));
  }
  return static_cast<uint16_t>(port);
}

}  // namespace

absl::StatusOr<Probe> Probe::Parse(const std::string& method, absl::string_view url,
                                   const std::vector<std::string>& headers,
                                   const std::string& client_ip) {
  Probe probe;
  probe.method_ = method;
  const bool is_stream = absl::StartsWith(url, "tcp://") || absl::StartsWith(url, "tls://");
  RETURN_IF_ERROR(method == "CONNECT" && is_stream ? probe.ParseStream(url) : probe.ParseUrl(url));
  RETURN_IF_ERROR(probe.ParseHeaders(headers));
  const auto ip = match::ParseIp(client_ip);
  if (!ip.has_value()) {
    return UsageError(absl::StrCat("--client-ip: \"", client_ip, "\" is no IP address"));
  }
  probe.client_ip_ = *ip;
  return probe;
}

absl::Status Probe::ParseUrl(absl::string_view url) {
  const bool is_https = absl::ConsumePrefix(&url, "https://");
  const bool is_http = !is_https && absl::ConsumePrefix(&url, "http://");
  if (is_http || is_https) {
    const size_t end = std::min(url.find_first_of("/?#"), url.size());
    host_ = std::string(url.substr(0, end));
    if (host_.empty()) return UsageError("URL: has no host");
    ASSIGN_OR_RETURN(port_, PortOf(host_));
    if (!port_.has_value()) port_ = is_https ? 443 : 80;
    url.remove_prefix(end);
  } else if (!absl::StartsWith(url, "/") && url != "*") {
    return UsageError(
        absl::StrCat("URL: want http://HOST[:PORT]/PATH or /PATH, got \"", url, "\""));
  }
  url = url.substr(0, url.find('#'));  // Is never sent.
  const size_t mark = std::min(url.find('?'), url.size());
  path_ = mark == 0 ? "/" : std::string(url.substr(0, mark));
  if (mark < url.size()) query_ = std::string(url.substr(mark + 1));
  return absl::OkStatus();
}

absl::Status Probe::ParseStream(absl::string_view url) {
  is_stream_ = true;
  path_ = "/";
  const bool is_tls = absl::ConsumePrefix(&url, "tls://");
  if (!is_tls) url.remove_prefix(absl::string_view("tcp://").size());
  const std::string host(url);
  ASSIGN_OR_RETURN(port_, PortOf(host));
  if (!port_.has_value() || absl::StrContains(url, "/")) {
    return UsageError("URL: want tcp://HOST:PORT or tls://HOST:PORT");
  }
  if (is_tls) host_ = host.substr(0, host.rfind(':'));
  return absl::OkStatus();
}

absl::Status Probe::ParseHeaders(const std::vector<std::string>& headers) {
  for (const std::string& header : headers) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos || colon == 0) {
      return UsageError(absl::StrCat("-H: want \"Name: value\", got \"", header, "\""));
    }
    const std::string name = absl::AsciiStrToLower(header.substr(0, colon));
    const std::string value(
        absl::StripAsciiWhitespace(absl::string_view(header).substr(colon + 1)));
    if (name == "host") {
      host_ = value;
    } else {
      headers_.emplace_back(name, value);
    }
  }
  return absl::OkStatus();
}

absl::Status Probe::Normalise(match::EscapedSlashes escaped_slashes) {
  if (path_ == "*") return absl::OkStatus();
  const match::NormalisedPath normal = match::Normalise(path_, escaped_slashes, path_.data());
  if (!normal.ok()) {
    return absl::InvalidArgumentError(match::PathErrorName(normal.error));
  }
  path_ = std::string(normal.path);
  return absl::OkStatus();
}

match::RequestView Probe::View() const {
  match::RequestView view;
  view.method = method_;
  view.host = host_;
  view.path = path_;
  view.query = query_;
  view.client_ip = client_ip_;
  view.headers = {&Values, this};
  return view;
}

size_t Probe::Values(const void* context, absl::string_view name,
                     absl::Span<absl::string_view> values) {
  size_t count = 0;
  for (const auto& [key, value] : static_cast<const Probe*>(context)->headers_) {
    if (key != name) continue;
    if (count < values.size()) values[count] = value;
    ++count;
  }
  return count;
}

}  // namespace sluice::sluicectl
