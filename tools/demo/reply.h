// What the demo upstream answers. Its paths are listed by `demo-upstream --help`.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/demo/request.h"

namespace sluice::demo {

struct Reply {
  int status = 200;
  std::string content_type = "text/plain";
  // More than one part is sent in chunks, with `pause` between them.
  std::vector<std::string> parts;
  absl::Duration delay = absl::ZeroDuration();  // Before the first byte.
  absl::Duration pause = absl::ZeroDuration();
};

// `name` tells which of several demo upstreams answered.
Reply Answer(const Request& request, absl::string_view name);

}  // namespace sluice::demo
