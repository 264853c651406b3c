// headers: sets, adds and removes headers of requests and responses.
//
// Configuration: api/sluice/plugins/v1/headers.proto; what variables hold: value_template.h. Bodies
// of any size pass untouched.
//
// Values are put together before anything is changed, so that `remove` of one header and `set` of
// another from it renames it. Within `set` and `add` names go in alphabetical order.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/plugins/headers/value_template.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class Headers;
}  // namespace v1

class Headers {
 public:
  struct Name {
    http::HeaderId id;
    std::string text;  // Lower case.
  };
  struct Edit {
    Name name;
    ValueTemplate value;
    bool is_set = false;  // Replaces what there is.
  };
  struct Edits {
    std::vector<Name> remove;
    std::vector<Edit> write;  // In the order in which they are done.

    bool empty() const { return remove.empty() && write.empty(); }
  };
  struct Settings {
    Edits request;
    Edits response;
  };

  explicit Headers(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);
  Action OnResponseHead(Stream& stream);

 private:
  const Settings& settings_;
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeHeaders(const v1::Headers& config);

}  // namespace sluice::plugins
