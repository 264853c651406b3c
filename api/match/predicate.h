// What a route asks of a request besides host and path.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/match/ip_ranges.h"
#include "api/match/method.h"
#include "api/match/regex.h"
#include "api/match/request_view.h"
#include "api/match/route_spec.h"

namespace sluice::match {

// What the value of a header, query parameter or cookie must be.
//
// A name that occurs several times satisfies it if one of its values does; "!" wants none at all.
class ValuePredicate {
 public:
  enum class Kind : uint8_t { kExact, kRegex, kPresent, kAbsent };

  // Returns what is wrong with `text`, if anything is.
  std::optional<Flaw> Parse(absl::string_view text);

  Kind kind() const { return kind_; }
  const std::string& text() const {
    return text_;
  }  // As written: the same text, the same predicate.

  // Whether this value is one that it wants.
  bool Accepts(absl::string_view value) const;

  // `each(accept)` calls `accept(value)` for each value of the name until one call returns true.
  template <typename Each>
  bool Holds(Each each) const {
    bool found = false;
    each([&](absl::string_view value) { return found = found || Accepts(value); });
    return found != (kind_ == Kind::kAbsent);
  }

 private:
  Kind kind_ = Kind::kPresent;
  std::string text_;
  std::unique_ptr<const Regex> regex_;
};

struct NamedPredicate {
  std::string name;
  ValuePredicate value;
};

// All predicates of a route; an empty one asks for nothing. All must hold.
struct Predicates {
  MethodSet methods;
  IpRanges client_ips;
  std::vector<NamedPredicate> headers;  // Names in lower case; each list sorted by name.
  std::vector<NamedPredicate> query;
  std::vector<NamedPredicate> cookies;

  // How many there are, in the sense of the ranking: methods and client_ips count one each.
  uint32_t count() const;

  // Whether all but the one on methods hold.
  bool HoldButMethods(const RequestView& request) const;

  // The first that fails: "method", "headers.x-team", "query.a", "cookies.b", "client_ips"; empty
  // if all hold.
  std::string FirstFailing(const RequestView& request) const;
};

}  // namespace sluice::match
