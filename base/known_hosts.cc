#include "base/known_hosts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"

namespace sluice {
namespace {

bool IsIpAddress(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// Without port and brackets, in lower case; empty if it is no host.
std::string NameOf(absl::string_view host) {
  if (host.substr(0, 1) == "[") {
    const size_t end = host.find(']');
    if (end == absl::string_view::npos) return "";
    return absl::AsciiStrToLower(host.substr(1, end - 1));
  }
  return absl::AsciiStrToLower(host.substr(0, host.find(':')));
}

}  // namespace

KnownHosts::KnownHosts(const std::string& listen_host, std::vector<std::string> others)
    : is_wildcard_(listen_host == "0.0.0.0" || listen_host == "::"), known_(std::move(others)) {
  for (std::string& host : known_) host = absl::AsciiStrToLower(host);
  known_.insert(known_.end(), {"localhost", "127.0.0.1", "::1", listen_host});
}

bool KnownHosts::Has(absl::string_view host) const {
  const std::string name = NameOf(host);
  if (name.empty()) return false;
  if (is_wildcard_ && IsIpAddress(name)) return true;
  return std::find(known_.begin(), known_.end(), name) != known_.end();
}

}  // namespace sluice
