// Sets of request methods.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "api/match/route_spec.h"

namespace sluice::match {

// One bit for each method of RFC 9110 and PATCH, and one for all others, so that the usual question
// is one AND.
using MethodBits = uint16_t;
inline constexpr MethodBits kGet = 1 << 0;
inline constexpr MethodBits kHead = 1 << 1;
inline constexpr MethodBits kOtherMethod = 1 << 9;
inline constexpr MethodBits kEveryMethod = (1 << 10) - 1;

// The bit of a method of a request. Methods are case-sensitive (RFC 9110 9.1): "get" is another.
MethodBits MethodBit(absl::string_view method);

// The methods that a route serves.
class MethodSet {
 public:
  // Adds one; GET brings HEAD. Returns what is wrong with `method`, if anything is.
  std::optional<Flaw> Add(absl::string_view method);

  // Of methods that have no bit of their own kOtherMethod is set; `others()` says which they are.
  MethodBits bits() const { return bits_; }
  const std::vector<std::string>& others() const { return others_; }

  bool empty() const { return bits_ == 0; }
  bool Contains(absl::string_view method, MethodBits bit) const;

 private:
  MethodBits bits_ = 0;
  std::vector<std::string> others_;  // Sorted.
};

// "GET, HEAD, PURGE": the value of an Allow header. `others` as they should appear.
std::string JoinMethods(MethodBits bits, absl::Span<const absl::string_view> others);

}  // namespace sluice::match
