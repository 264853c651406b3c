// What `explain` says of a connection that is not HTTP.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tools/sluicectl/probe.h"
#include "tools/sluicectl/view.h"

namespace sluice::sluicectl {

// Prints which stream route takes it and where it goes. The name of the stream route; empty if
// there is none.
absl::StatusOr<std::string> ExplainStream(const View& view, const Probe& probe);

// Prints one line: what it is, and what is to be said.
void PrintField(absl::string_view title, absl::string_view text);

}  // namespace sluice::sluicectl
