// The three notations of a path: exact, pattern, regular expression.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "api/match/regex.h"
#include "api/match/route_spec.h"

namespace sluice::match {

// In the order of their rank, best first.
enum class PathKind : uint8_t { kExact, kRegex, kPattern };

inline constexpr size_t kMaxPathBytes = 4096;
inline constexpr size_t kMaxPathSegments = 128;
inline constexpr size_t kMaxCaptures = 16;

// One path of a route, in parts. What it says stays in its text ("/users/{id}/orders"), which
// the caller keeps: a route is small that way, and only captures and explanations read it.
struct ParsedPath {
  PathKind kind = PathKind::kExact;
  std::unique_ptr<const Regex> regex;  // kRegex only.
};

// Returns what is wrong with `text`, if anything is.
std::optional<Flaw> ParsePath(absl::string_view text, ParsedPath* path);

// Reads the segments of an exact path or a pattern:
//
//   PatternReader reader("/users/{id}/*");
//   PatternSegment segment;
//   while (reader.Next(&segment)) ...   // literal "users", variable "id", rest ""
struct PatternSegment {
  enum class Kind : uint8_t { kLiteral, kVariable, kRest };
  Kind kind;
  absl::string_view text;  // The literal, or the name of the variable; empty for "*".
};

class PatternReader {
 public:
  explicit PatternReader(absl::string_view text) : left_(text) {}
  bool Next(PatternSegment* segment);

 private:
  absl::string_view left_;  // Begins with "/" or is empty.
};

// A pattern without the names of its variables, the same for all that match the same paths:
// "/a/{}/*" for "/a/{x}/{rest*}".
std::string PathShape(absl::string_view text, PathKind kind);

// One captured part of a path. Views into the route's text and into the path.
struct Capture {
  absl::string_view name;
  absl::string_view value;
};

// What the variables of a pattern, or the groups of an expression, hold. In place: no allocation.
class Captures {
 public:
  void Add(absl::string_view name, absl::string_view value) {
    if (size_ < captures_.size()) captures_[size_++] = {name, value};
  }
  void Clear() { size_ = 0; }

  size_t size() const { return size_; }
  const Capture* begin() const { return captures_.data(); }
  const Capture* end() const { return captures_.data() + size_; }

  // Null if there is none of this name.
  const absl::string_view* Find(absl::string_view name) const;

 private:
  std::array<Capture, kMaxCaptures> captures_;
  size_t size_ = 0;
};

// Whether an exact path or a pattern matches; on true adds what its variables hold to `captures`,
// which may be null.
bool MatchPattern(absl::string_view text, absl::string_view path, Captures* captures);

}  // namespace sluice::match
