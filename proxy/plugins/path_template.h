// A path with captures of the route's, compiled: "/v2/{id}".
//
// What a client sent never adds to the meaning of the path: a capture is inserted with everything
// percent-encoded that a path cannot hold, and a path that would then lead somewhere else through
// "." or ".." is none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/validate/template.h"
#include "proxy/plugins/stream.h"

namespace sluice::plugins {

class PathTemplate {
 public:
  // Empty: Render() may not be called.
  PathTemplate() = default;

  // INVALID_ARGUMENT without a field: what is wrong with `text`.
  static absl::StatusOr<PathTemplate> Parse(absl::string_view text);

  bool empty() const { return parts_.empty(); }

  // The path for this request, in normal form (api/match/normalise.h); absent if captures make a
  // dot segment of it. Lives as long as the request and as this.
  std::optional<absl::string_view> Render(Stream& stream) const;

 private:
  std::vector<validate::TemplatePart> parts_;
};

// `text` with every byte percent-encoded that a path cannot hold (`is_query`: a query); escapes are
// left as they are. In the arena, or itself if there is nothing to encode.
absl::string_view EncodeForUri(absl::string_view text, bool is_query, http::Arena& arena);

}  // namespace sluice::plugins
