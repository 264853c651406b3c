// Keeps web pages of others out.
//
// A browser on the operator's machine reaches us, and shows its certificate if we ask for one. What
// stands between a page from elsewhere and our configuration is that a browser lets it send only
// plain forms and text without asking, and that a name that an attacker points at us is not ours.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/known_hosts.h"
#include "controlplane/web/http.h"

namespace sluice::web {

class Gate {
 public:
  // As KnownHosts.
  Gate(const std::string& listen_host, std::vector<std::string> allowed_hosts)
      : hosts_(listen_host, std::move(allowed_hosts)) {}

  // The refusal: 403 the Host is not known; 415 a change without JSON.
  std::optional<Response> Check(const Request& request) const;

 private:
  const KnownHosts hosts_;
};

}  // namespace sluice::web
