// redirect: answers with the address where the client should go.
//
// Configuration: api/sluice/plugins/v1/redirect.proto. The request's body is not looked at,
// whatever its size.
//
// Where neither scheme nor host are given, Location is a path: the client knows better than a proxy
// behind others under what name it came. A changed scheme drops the port, which was the other
// scheme's. Captures that would make a path with "." or ".." are answered 400
// "redirect_dot_segment".
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "proxy/plugins/path_template.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class Redirect;
}  // namespace v1

class Redirect {
 public:
  struct Settings {
    std::string scheme;  // Empty: the request's.
    std::string host;    // Empty: the request's.
    PathTemplate path;   // Empty: the request's.
    bool strips_query = false;
    int status = 302;
  };

  explicit Redirect(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);

 private:
  // Scheme and host of the Location; both empty where it is a path.
  struct Origin {
    absl::string_view scheme;
    absl::string_view host;
  };
  Origin FindOrigin(const Stream& stream) const;

  const Settings& settings_;
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeRedirect(const v1::Redirect& config);

}  // namespace sluice::plugins
