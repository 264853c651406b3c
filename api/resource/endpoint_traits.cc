#include "api/resource/endpoint_traits.h"

#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::resource {
namespace {

constexpr absl::string_view kEnd("\0", 1);

// Takes a part off the front.
std::optional<absl::string_view> TakePart(absl::string_view& bytes) {
  const size_t end = bytes.find('\0');
  if (end == absl::string_view::npos) return std::nullopt;
  const absl::string_view part = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return part;
}

}  // namespace

std::string EncodeTraits(const EndpointTraits& traits) {
  if (traits.priority == 0 && traits.zone.empty() && traits.labels.empty()) return "";
  std::string bytes = absl::StrCat(traits.priority, kEnd, traits.zone, kEnd);
  for (const auto& [name, value] : traits.labels) {
    absl::StrAppend(&bytes, name, kEnd, value, kEnd);
  }
  return bytes;
}

bool DecodeTraits(absl::string_view bytes, EndpointTraits& traits) {
  const absl::string_view all = bytes;
  EndpointTraits decoded;
  decoded.weight = traits.weight;
  if (!bytes.empty()) {
    const std::optional<absl::string_view> priority = TakePart(bytes);
    const std::optional<absl::string_view> zone = TakePart(bytes);
    if (!zone.has_value() || !absl::SimpleAtoi(*priority, &decoded.priority)) return false;
    decoded.zone = std::string(*zone);
  }
  while (!bytes.empty()) {
    const std::optional<absl::string_view> name = TakePart(bytes);
    const std::optional<absl::string_view> value = TakePart(bytes);
    if (!value.has_value()) return false;
    decoded.labels.emplace(*name, *value);
  }
  // One text for one value: what is in digests must not depend on who wrote it.
  if (EncodeTraits(decoded) != all) return false;
  traits = std::move(decoded);
  return true;
}

}  // namespace sluice::resource
