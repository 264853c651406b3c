#include "api/resource/key.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/nearest.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

struct KindNames {
  absl::string_view name;
  absl::string_view field;
  absl::string_view plural;
};

// By the number of the kind.
constexpr KindNames kNames[] = {
    {"", "", ""},
    {"Certificate", "certificate", "certificates"},
    {"Consumer", "consumer", "consumers"},
    {"ConsumerGroup", "consumer_group", "consumer_groups"},
    {"GlobalRule", "global_rule", "global_rules"},
    {"Listener", "listener", "listeners"},
    {"PluginSet", "plugin_set", "plugin_sets"},
    {"Route", "route", "routes"},
    {"Service", "service", "services"},
    {"StreamRoute", "stream_route", "stream_routes"},
    {"Upstream", "upstream", "upstreams"},
};
static_assert(std::size(kNames) == kKinds.size() + 1);

const KindNames& NamesOf(Kind kind) { return kNames[static_cast<size_t>(kind)]; }

// "Consumer-Groups" and "consumer_group" are both "consumergroup".
std::string Plain(absl::string_view text) {
  std::string plain;
  for (char c : text) {
    if (c != '_' && c != '-') plain.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
  }
  if (!plain.empty() && plain.back() == 's') plain.pop_back();
  return plain;
}

}  // namespace

absl::string_view KindName(Kind kind) { return NamesOf(kind).name; }
absl::string_view KindField(Kind kind) { return NamesOf(kind).field; }
absl::string_view KindPlural(Kind kind) { return NamesOf(kind).plural; }

Kind KindOfName(absl::string_view name) {
  for (Kind kind : kKinds) {
    if (KindName(kind) == name) return kind;
  }
  return Kind::kNone;
}

std::optional<Kind> ParseKind(absl::string_view text) {
  const std::string plain = Plain(text);
  for (Kind kind : kKinds) {
    if (Plain(KindName(kind)) == plain) return kind;
  }
  return std::nullopt;
}

absl::string_view NearestKindName(absl::string_view text) {
  if (std::optional<Kind> kind = ParseKind(text)) return KindName(*kind);
  std::vector<absl::string_view> names;
  for (Kind kind : kKinds) names.push_back(KindName(kind));
  return Nearest(text, names);
}

std::string Key::ToString() const {
  return ns.empty() ? absl::StrCat(KindName(kind), "/", name)
                    : absl::StrCat(KindName(kind), "/", ns, "/", name);
}

Kind KindOf(const v1::Resource& resource) {
  switch (resource.spec_case()) {
    case v1::Resource::kCertificate:
      return Kind::kCertificate;
    case v1::Resource::kConsumer:
      return Kind::kConsumer;
    case v1::Resource::kConsumerGroup:
      return Kind::kConsumerGroup;
    case v1::Resource::kGlobalRule:
      return Kind::kGlobalRule;
    case v1::Resource::kListener:
      return Kind::kListener;
    case v1::Resource::kPluginSet:
      return Kind::kPluginSet;
    case v1::Resource::kRoute:
      return Kind::kRoute;
    case v1::Resource::kService:
      return Kind::kService;
    case v1::Resource::kStreamRoute:
      return Kind::kStreamRoute;
    case v1::Resource::kUpstream:
      return Kind::kUpstream;
    case v1::Resource::SPEC_NOT_SET:
      return Kind::kNone;
  }
  return Kind::kNone;
}

Key KeyOf(const v1::Resource& resource) {
  return {KindOf(resource), resource.namespace_(), resource.name()};
}

Key KeyOf(const v1::ResourceKey& key) {
  return {KindOfName(key.kind()), key.namespace_(), key.name()};
}

v1::ResourceKey ToProto(const Key& key) {
  v1::ResourceKey proto;
  proto.set_kind(std::string(KindName(key.kind)));
  proto.set_namespace_(key.ns);
  proto.set_name(key.name);
  return proto;
}

}  // namespace sluice::resource
