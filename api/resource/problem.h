// What is wrong with configuration, as reading and validation collect it.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::v1 {
class Problem;
}  // namespace sluice::v1

namespace sluice::resource {

// One thing that is wrong, said so that it can be mended without reading our source. The fields are
// those of v1::Problem, which is what travels.
struct Problem {
  std::string kind = {};     // "Route"; empty: of no single resource.
  std::string name = {};     // Of the resource.
  std::string field = {};    // "plugins.limit_count.window", "endpoints[2].address".
  std::string problem = {};  // What is wrong, with the value found: "out of range, got 25h".
  std::string want = {};     // What would be right: "0s to 24h". May be empty.
  std::string file = {};     // Empty: not from a file.
  uint32_t line = 0;         // From 1; 0: not known.
  bool is_warning = false;

  friend bool operator==(const Problem& a, const Problem& b) {
    return a.Order() == b.Order() && a.is_warning == b.is_warning;
  }

  // By file, line, kind, name, field, then text.
  friend bool operator<(const Problem& a, const Problem& b) { return a.Order() < b.Order(); }

 private:
  std::tuple<const std::string&, const uint32_t&, const std::string&, const std::string&,
             const std::string&, const std::string&, const std::string&>
  Order() const {
    return std::tie(file, line, kind, name, field, problem, want);
  }
};

// One line, without what is empty:
//   orders.yaml:14: Route "orders": timeout: out of range, got 25h; want 0s to 24h
// `want` is left out where `problem` ends with it: did you mean "WANT"?
std::string ToString(const Problem& problem);

v1::Problem ToProto(const Problem& problem);
Problem FromProto(const v1::Problem& problem);

// Sorts, and drops what stands twice.
void Sort(std::vector<Problem>& problems);

// Whether one of them is no warning.
bool HasError(const std::vector<Problem>& problems);

// `text` in double quotes, escaped and cut to a length that fits a message.
std::string Quoted(absl::string_view text);

}  // namespace sluice::resource
