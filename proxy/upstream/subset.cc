#include "proxy/upstream/subset.h"

#include "absl/strings/str_cat.h"

namespace sluice::upstream {
namespace {

void Append(absl::string_view label, absl::string_view value, std::string* key) {
  absl::StrAppend(key, label, "=", value, absl::string_view("\0", 1));
}

// Empty if it lacks a label.
std::string KeyOf(const std::vector<std::string>& selector, const Labels& labels) {
  std::string key;
  for (const std::string& name : selector) {
    const auto label = labels.find(name);
    if (label == labels.end()) return "";
    Append(name, label->second, &key);
  }
  return key;
}

}  // namespace

std::string SubsetKey(const Labels& labels) {
  std::string key;
  for (const auto& [name, value] : labels) Append(name, value, &key);
  return key;
}

SubsetIndex::SubsetIndex(const SubsetRules& rules, std::span<const uint32_t> members,
                         std::span<const Labels* const> labels_of) {
  for (const std::vector<std::string>& selector : rules.selectors) {
    for (const uint32_t member : members) {
      std::string key = KeyOf(selector, *labels_of[member]);
      if (key.empty()) continue;
      const auto [subset, is_new] =
          subsets_.emplace(std::move(key), static_cast<uint32_t>(members_.size()));
      if (is_new) members_.emplace_back();
      members_[subset->second].push_back(member);
    }
  }
}

std::optional<uint32_t> SubsetIndex::Find(absl::string_view key) const {
  const auto found = subsets_.find(key);
  if (found == subsets_.end()) return std::nullopt;
  return found->second;
}

}  // namespace sluice::upstream
