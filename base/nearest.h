// "Did you mean ...?"
#pragma once

#include <vector>

#include "absl/strings/string_view.h"

namespace sluice {

// The one of `known` that `word` was probably meant to be: the smallest edit distance (with
// transpositions), if it is at most a third of the word's length; empty if none is. The result
// points into `known`.
absl::string_view Nearest(absl::string_view word, const std::vector<absl::string_view>& known);

}  // namespace sluice
