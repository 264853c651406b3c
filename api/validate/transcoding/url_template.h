// Path templates of google.api.http: "/v1/{name=shelves/*}/books/{book.id}:publish".
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/match/route_spec.h"

namespace sluice::validate {

// Thread: immutable once parsed.
class UrlTemplate {
 public:
  // Field path ("book.id") and its value, decoded: of one segment wholly; of several all but
  // "%2F", which would look like a further segment.
  using Values = std::vector<std::pair<std::string, std::string>>;

  // What is wrong with `text`, if anything is.
  std::optional<match::Flaw> Parse(absl::string_view text);

  // Whether the template holds for a normalised path; then the values of its variables.
  std::optional<Values> Match(absl::string_view path) const;

  // Field paths of the variables, in order.
  std::vector<std::string> fields() const;
  // Of two templates that match, the one with more literals is meant.
  size_t literals() const { return literals_; }

 private:
  enum class Kind : uint8_t { kLiteral, kOne, kRest };
  struct Segment {
    Kind kind = Kind::kLiteral;
    std::string text;
  };
  struct Variable {
    std::string field;
    size_t begin = 0;  // Of segments_.
    size_t end = 0;
  };

  std::optional<match::Flaw> ParseVariable(absl::string_view& text);
  bool AddSegment(absl::string_view text);

  std::vector<Segment> segments_;
  std::vector<Variable> variables_;
  std::string verb_;
  size_t literals_ = 0;
};

}  // namespace sluice::validate
