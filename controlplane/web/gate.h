// Keeps web pages of others out.
//
// There is no authentication yet, and a browser on the operator's machine reaches us. What stands
// between a page from elsewhere and our configuration is that a browser lets it send only plain
// forms and text without asking, and that a name that an attacker points at us is not one of ours.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "controlplane/web/http.h"

namespace sluice::web {

class Gate {
 public:
  // `listen_host`: IP address on which the server listens, without brackets. Of a wildcard every IP
  // address is known, since a page whose address is a number is served by that very number.
  Gate(const std::string& listen_host, std::vector<std::string> allowed_hosts);

  // The refusal: 403 the Host is not known; 415 a change without JSON.
  std::optional<Response> Check(const Request& request) const;

 private:
  bool IsKnown(absl::string_view host) const;

  bool is_wildcard_;
  std::vector<std::string> known_;  // In lower case, without port and brackets.
};

// Host without port and brackets, in lower case; empty if it is none.
std::string HostWithoutPort(absl::string_view host);

}  // namespace sluice::web
