#include "controlplane/web/gate.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controlplane/web/json.h"

namespace sluice::web {
namespace {

bool IsIpAddress(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// "application/json", with or without parameters.
bool IsJson(absl::string_view content_type) {
  const absl::string_view type =
      absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';')));
  return absl::EqualsIgnoreCase(type, "application/json");
}

}  // namespace

std::string HostWithoutPort(absl::string_view host) {
  if (host.substr(0, 1) == "[") {
    const size_t end = host.find(']');
    if (end == absl::string_view::npos) return "";
    return absl::AsciiStrToLower(host.substr(1, end - 1));
  }
  return absl::AsciiStrToLower(host.substr(0, host.find(':')));
}

Gate::Gate(const std::string& listen_host, std::vector<std::string> allowed_hosts)
    : is_wildcard_(listen_host == "0.0.0.0" || listen_host == "::"),
      known_(std::move(allowed_hosts)) {
  for (std::string& host : known_) host = absl::AsciiStrToLower(host);
  known_.insert(known_.end(), {"localhost", "127.0.0.1", "::1", listen_host});
}

std::optional<Response> Gate::Check(const Request& request) const {
  if (!IsKnown(HostWithoutPort(request.host))) {
    return Refusal(403, absl::StrCat("this server is not called \"", request.host, "\""),
                   "start it with --allowed-host to give it another name");
  }
  const bool changes = request.method == "POST" || request.has_body;
  if (changes && !IsJson(request.content_type)) {
    return Refusal(415, absl::StrCat("the content type is \"", request.content_type, "\""),
                   "Content-Type: application/json");
  }
  return std::nullopt;
}

bool Gate::IsKnown(absl::string_view host) const {
  if (host.empty()) return false;
  if (is_wildcard_ && IsIpAddress(std::string(host))) return true;
  return std::find(known_.begin(), known_.end(), host) != known_.end();
}

}  // namespace sluice::web
