// Endpoints of an upstream by their labels.
//
// A key names a subset: for each of its labels, in the order of their names, the name, "=", the
// value and a zero byte.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace sluice::upstream {

using Labels = std::map<std::string, std::string>;

std::string SubsetKey(const Labels& labels);

// Of an upstream: which subsets it has, and who serves where one has no endpoint.
struct SubsetRules {
  enum class Fallback : uint8_t { kNone, kAny, kDefault };

  std::vector<std::vector<std::string>> selectors;  // Names of labels, sorted.
  Fallback fallback = Fallback::kNone;
  std::string default_key;
};

// Of a route: which subset its requests go to.
struct SubsetChoice {
  struct Part {
    std::string label;
    std::string value;
    std::string header;  // Lower case; if not empty, the value is that of the request's header.
  };

  std::vector<Part> parts;  // By label.
  std::string key;          // Of all requests; empty if a part comes from a header.
};

// Which endpoints are in which subset. An endpoint is in one of each selector at most: there are
// no more entries than selectors times endpoints.
//
// Immutable after construction; shared by threads.
class SubsetIndex {
 public:
  SubsetIndex() = default;
  // `members` have a weight; `labels_of` is by endpoint. The order of members is kept.
  SubsetIndex(const SubsetRules& rules, std::span<const uint32_t> members,
              std::span<const Labels* const> labels_of);

  size_t size() const { return members_.size(); }
  // Nothing if no endpoint is in it.
  std::optional<uint32_t> Find(absl::string_view key) const;
  const std::vector<uint32_t>& members(uint32_t subset) const { return members_[subset]; }
  const absl::flat_hash_map<std::string, uint32_t>& subsets() const { return subsets_; }

 private:
  absl::flat_hash_map<std::string, uint32_t> subsets_;  // By key.
  std::vector<std::vector<uint32_t>> members_;
};

}  // namespace sluice::upstream
