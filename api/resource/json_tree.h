// JSON text to a tree.
#pragma once

#include "absl/strings/string_view.h"
#include "api/resource/tree.h"

namespace sluice::resource {

// Parses `text`, which is FirstLineOfBadText() == 0, as one JSON value (RFC 8259, strictly: no
// comments, no trailing commas). Duplicate keys are kept for the sink to refuse. The first error
// ends it.
void ParseJson(absl::string_view text, const TreeSink& sink);

}  // namespace sluice::resource
