// The labels of stored resources, without parsing the rest of them.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "api/resource/selector.h"

namespace sluice::admin {

// The value of the label `key` of a serialised v1::Resource; unset if it has no such label.
// A hundredth of the cost of parsing: commands that select by label look at every resource.
std::optional<std::string> LabelOf(absl::string_view bytes, absl::string_view key);

// As selector.Matches() of the parsed resource.
bool Matches(const resource::Selector& selector, absl::string_view bytes);

}  // namespace sluice::admin
