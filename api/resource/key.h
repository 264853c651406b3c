// Kinds of resources, and what identifies one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/string_view.h"

namespace sluice::v1 {
class Resource;
class ResourceKey;
}  // namespace sluice::v1

namespace sluice::resource {

// In alphabetical order, so that sorting by kind is sorting by its name. The numbers are of this
// build: only names are stored and sent.
enum class Kind : uint8_t {
  kNone = 0,  // A resource without a spec, or a key of a kind that this build does not know.
  kCertificate,
  kConsumer,
  kConsumerGroup,
  kGlobalRule,
  kListener,
  kPluginSet,
  kRoute,
  kService,
  kStreamRoute,
  kUpstream,
};

// Every kind but kNone, in order.
inline constexpr std::array kKinds = {
    Kind::kCertificate, Kind::kConsumer, Kind::kConsumerGroup, Kind::kGlobalRule,  Kind::kListener,
    Kind::kPluginSet,   Kind::kRoute,    Kind::kService,       Kind::kStreamRoute, Kind::kUpstream,
};

// "ConsumerGroup", as in `kind:`; empty for kNone.
absl::string_view KindName(Kind kind);

// "consumer_group", the field of v1::Resource; empty for kNone.
absl::string_view KindField(Kind kind);

// "consumer_groups", as in URLs and listings; empty for kNone.
absl::string_view KindPlural(Kind kind);

// The kind of exactly this name ("ConsumerGroup"); kNone if there is none.
Kind KindOfName(absl::string_view name);

// What a person may write for a kind: its name in any case, singular or plural, with or without
// "_" and "-" ("routes", "consumer_group", "ConsumerGroup", "consumergroups").
std::optional<Kind> ParseKind(absl::string_view text);

// The kind that `text` was probably meant to be, for "did you mean"; empty if none is near.
absl::string_view NearestKindName(absl::string_view text);

// What identifies a resource: no two of a store have the same.
struct Key {
  Kind kind = Kind::kNone;
  std::string ns;  // Empty, the only namespace until teams come.
  std::string name;

  // "Route/orders", or "Route/payments/orders" in a namespace: for people.
  std::string ToString() const;

  friend bool operator==(const Key& a, const Key& b) {
    return a.kind == b.kind && a.name == b.name && a.ns == b.ns;
  }
  friend bool operator!=(const Key& a, const Key& b) { return !(a == b); }
  friend bool operator<(const Key& a, const Key& b) {
    return std::tie(a.kind, a.ns, a.name) < std::tie(b.kind, b.ns, b.name);
  }
  template <typename H>
  friend H AbslHashValue(H h, const Key& key) {
    return H::combine(std::move(h), key.kind, key.ns, key.name);
  }
};

// The kind whose spec is set; kNone if none is, or one that this build does not know.
Kind KindOf(const v1::Resource& resource);

// Its `kind` is kNone where that of the message is not known: no resource has such a key.
Key KeyOf(const v1::Resource& resource);
Key KeyOf(const v1::ResourceKey& key);
v1::ResourceKey ToProto(const Key& key);

}  // namespace sluice::resource
