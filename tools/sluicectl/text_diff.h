// What differs between two texts, line by line.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::sluicectl {

// As `diff -u` has it, without heads: lines with " ", "-" or "+" before them, three lines around
// what differs, "@@" between parts. Empty if the texts are equal.
//
// Cost: lines times differences; texts that differ in more than a few thousand lines come out as
// one whole replaced by the other.
std::string UnifiedDiff(absl::string_view before, absl::string_view after);

}  // namespace sluice::sluicectl
