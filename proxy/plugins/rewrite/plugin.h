// rewrite: changes the path and the host with which a request goes to its upstream.
//
// Configuration: api/sluice/plugins/v1/rewrite.proto. Bodies of any size pass untouched.
//
// A request of which captures would make a path with "." or ".." is answered 400
// "rewrite_dot_segment".
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "proxy/plugins/path_template.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class Rewrite;
}  // namespace v1

class Rewrite {
 public:
  struct Settings {
    std::string strip_prefix;  // In normal form, without a slash at its end; empty: none.
    PathTemplate path;
    std::string host;
  };

  explicit Rewrite(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);

 private:
  const Settings& settings_;
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeRewrite(const v1::Rewrite& config);

}  // namespace sluice::plugins
