// Regular expressions of routes: RE2, always over the whole text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace re2 {
class RE2;
}

namespace sluice::match {

// A compiled expression. Bytes are compared, not characters, unless the expression itself names one
// outside ASCII: then text that is not UTF-8 never matches. (Otherwise "~.*admin.*" on a route that
// refuses could be passed by adding a stray byte.)
//
// Thread: any. RE2 builds its automaton as texts come, under a readers' lock of its own; a text
// that
//   it has seen the like of allocates nothing.
class Regex {
 public:
  // INVALID_ARGUMENT with RE2's reason: a syntax error, or an expression whose automaton would be
  // larger than 256 KiB.
  static absl::StatusOr<std::unique_ptr<const Regex>> Compile(absl::string_view pattern);
  ~Regex();

  bool Matches(absl::string_view text) const;

  // Matches and gives what the groups hold, from group 1; groups that took no part are empty.
  // Fills as many of `groups` as there are; others it leaves alone.
  bool Capture(absl::string_view text, absl::Span<absl::string_view> groups) const;

  // Names of the groups from group 1, the number of the group where it has no name.
  const std::vector<std::string>& group_names() const { return group_names_; }

  // Every text that matches begins with `prefix()` and ends with `suffix()`. Both may be empty and
  // shorter than what could be known.
  const std::string& prefix() const { return prefix_; }
  const std::string& suffix() const { return suffix_; }
  // Every text that matches holds each of these somewhere.
  const std::vector<std::string>& literals() const { return literals_; }

 private:
  explicit Regex(std::unique_ptr<re2::RE2> expression);

  std::unique_ptr<re2::RE2> expression_;
  std::vector<std::string> group_names_;
  std::string prefix_;
  std::string suffix_;
  std::vector<std::string> literals_;
};

}  // namespace sluice::match
