// cors: lets scripts of other sites' pages call a route.
//
// Configuration: api/sluice/plugins/v1/cors.proto. Looks at heads only; bodies of any size pass
// untouched.
//
// A preflight is answered 204 "cors_preflight", one of an origin that is not allowed 403
// "cors_origin_refused".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "api/match/regex.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class Cors;
}  // namespace v1

class Cors {
 public:
  // "https://*.example.com": what stands before and behind the star.
  struct Wildcard {
    std::string prefix;
    std::string suffix;
  };

  struct Settings {
    bool allows_every_origin = false;
    absl::flat_hash_set<std::string> origins;
    std::vector<Wildcard> wildcards;
    std::vector<std::unique_ptr<const match::Regex>> expressions;
    // Values of headers. Methods and headers: empty for what the preflight asks for; the others:
    // empty for not said.
    std::string methods;
    std::string headers;
    std::string exposed;
    std::string max_age;
    bool allows_any_header = true;
    bool has_credentials = false;
    bool has_private_network = false;

    bool Allows(absl::string_view origin) const;
  };

  explicit Cors(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);
  Action OnResponseHead(Stream& stream);

 private:
  void ReadOrigin(const Stream& stream);
  void AnswerPreflight(absl::string_view method, Stream& stream) const;

  const Settings& settings_;
  absl::string_view origin_;  // Of the request, as it came in.
  bool has_read_origin_ = false;
  bool is_allowed_ = false;
  bool is_preflight_ = false;
};

// INVALID_ARGUMENT names the origin that cannot be read.
absl::StatusOr<Instance> MakeCors(const v1::Cors& config);

}  // namespace sluice::plugins
