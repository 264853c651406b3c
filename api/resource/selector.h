// Label selectors: `-l team=orders`.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::v1 {
class Resource;
}  // namespace sluice::v1

namespace sluice::resource {

// Selects resources by their labels; all of its terms must hold. An empty one selects everything.
class Selector {
 public:
  struct Term {
    std::string key;
    std::optional<std::string> value;  // Nothing: any value.
  };

  Selector() = default;
  explicit Selector(std::vector<Term> terms) : terms_(std::move(terms)) {}

  // Each text is "key=value" or "key", or several of them with commas between.
  // INVALID_ARGUMENT: a term without a key.
  static absl::StatusOr<Selector> Parse(const std::vector<std::string>& texts);

  bool Matches(const v1::Resource& resource) const;

  bool empty() const { return terms_.empty(); }
  const std::vector<Term>& terms() const { return terms_; }

 private:
  std::vector<Term> terms_;
};

}  // namespace sluice::resource
