#include "api/validate/facts.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "api/match/compiled_spec.h"
#include "api/match/match_keys.h"
#include "api/resource/credentials.h"
#include "api/resource/digest.h"
#include "api/validate/plugins/registry.h"
#include "api/validate/resource.h"
#include "google/protobuf/any.pb.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {
namespace {

using resource::Key;

template <typename Repeated>
Names SortedNames(const Repeated& names) {
  Names sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

template <typename PluginMap>
Answering AnsweringOf(const PluginMap& plugins) {
  Answering answering;
  uint32_t bit = 1;
  for (const Plugin& plugin : Plugins()) {
    if (!plugin.answers) continue;
    const auto found = plugins.find(plugin.name);
    if (found != plugins.end()) {
      (IsDisabled(found->second) ? answering.removed : answering.given) |= bit;
    }
    bit <<= 1;
  }
  return answering;
}

MatchId IdOf(const std::string& match_key) {
  const std::string sum = resource::Sha256(match_key);
  MatchId id;
  std::memcpy(id.data(), sum.data(), id.size());
  return id;
}

// Names of labels, sorted.
template <typename Labels>
std::string JoinLabels(const Labels& labels) {
  return absl::StrJoin(SortedNames(labels), ", ");
}

std::vector<std::string> NamesOf(
    const google::protobuf::RepeatedPtrField<v1::WeightedUpstream>& upstreams,
    const std::string& one) {
  std::vector<std::string> names;
  if (!one.empty()) names.push_back(one);
  for (const v1::WeightedUpstream& upstream : upstreams) {
    if (std::find(names.begin(), names.end(), upstream.upstream()) == names.end()) {
      names.push_back(upstream.upstream());
    }
  }
  return names;
}

void AddUse(std::string field, const google::protobuf::Map<std::string, std::string>& subset,
            std::vector<std::string> upstreams, const std::string& service, SubsetFacts& facts) {
  if (subset.empty()) return;
  Names labels;
  for (const auto& [name, value] : subset) labels.push_back(name);
  facts.uses.push_back({std::move(field), JoinLabels(labels), std::move(upstreams), service});
}

void AddSubsets(const v1::Resource& resource, Facts& facts) {
  SubsetFacts subsets;
  if (resource.has_route()) {
    const v1::Route& route = resource.route();
    AddUse("subset", route.subset(), NamesOf(route.upstreams(), route.upstream()), route.service(),
           subsets);
    for (int i = 0; i < route.mirrors_size(); ++i) {
      const v1::Route::Mirror& mirror = route.mirrors(i);
      AddUse(absl::StrCat("mirrors[", i, "].subset"), mirror.subset(), {mirror.upstream()}, "",
             subsets);
    }
  } else if (resource.has_stream_route()) {
    const v1::StreamRoute& route = resource.stream_route();
    AddUse("subset", route.subset(), {route.upstream()}, "", subsets);
  } else if (resource.has_upstream()) {
    for (const v1::Subsets::Selector& selector : resource.upstream().subsets().selectors()) {
      subsets.selectors.push_back(JoinLabels(selector.labels()));
    }
  } else if (resource.has_service()) {
    const v1::Service& service = resource.service();
    subsets.upstreams = NamesOf(service.upstreams(), service.upstream());
  }
  if (subsets.uses.empty() && subsets.selectors.empty() && subsets.upstreams.empty()) return;
  facts.subsets = std::make_unique<const SubsetFacts>(std::move(subsets));
}

void AddRoute(const v1::Resource& resource, DetailedFacts& detailed) {
  const v1::Route& route = resource.route();
  auto facts = std::make_unique<RouteFacts>();
  // A route that cannot be compiled matches nothing; CheckResource says why.
  if (const auto spec = match::Compile(RouteSpecOf(resource)); spec.ok()) {
    detailed.match_keys = match::MatchKeys(**spec);
    for (const std::string& key : detailed.match_keys) facts->match_ids.push_back(IdOf(key));
  }
  facts->listeners = SortedNames(route.listeners());
  facts->groups = SortedNames(route.groups());
  facts->has_target =
      !route.upstream().empty() || !route.service().empty() || route.upstreams_size() > 0;
  facts->answering = AnsweringOf(route.plugins());
  facts->plugin_sets.assign(route.plugin_sets().begin(), route.plugin_sets().end());
  detailed.facts.route = std::move(facts);
}

// As match::MatchKeys() has them of a Route, and unlike any of these.
std::vector<std::string> StreamKeys(const match::CompiledSpec& spec) {
  std::string predicates;
  if (spec.predicates() != nullptr) {
    predicates = absl::StrCat(" client_ips=", spec.predicates()->client_ips.Canonical());
  }
  std::vector<absl::string_view> names(spec.hosts().begin(), spec.hosts().end());
  if (names.empty()) names.push_back("*");  // No server is named so.
  std::vector<std::string> keys;
  for (const absl::string_view name : names) {
    keys.push_back(absl::StrCat("server_name=", name, predicates));
  }
  return keys;
}

void AddStreamRoute(const v1::Resource& resource, DetailedFacts& detailed) {
  const v1::StreamRoute& route = resource.stream_route();
  auto facts = std::make_unique<RouteFacts>();
  if (const auto spec = match::Compile(StreamSpecOf(resource)); spec.ok()) {
    detailed.match_keys = StreamKeys(**spec);
    for (const std::string& key : detailed.match_keys) facts->match_ids.push_back(IdOf(key));
  }
  facts->listeners = SortedNames(route.listeners());
  facts->groups = SortedNames(route.groups());
  facts->is_stream = true;
  facts->asks_for_names = !route.server_names().empty();
  facts->has_target = true;
  detailed.facts.route = std::move(facts);
}

void AddListener(const v1::Listener& listener, DetailedFacts& detailed) {
  std::optional<HostPort> address = ParseHostPort(listener.address());
  if (!address.has_value()) return;
  auto facts = std::make_unique<ListenerFacts>();
  facts->address = *std::move(address);
  facts->groups = SortedNames(listener.groups());
  facts->is_stream = listener.protocol() == v1::Listener::PROTOCOL_TCP ||
                     listener.protocol() == v1::Listener::PROTOCOL_TLS_PASSTHROUGH;
  facts->hears_no_name = listener.protocol() == v1::Listener::PROTOCOL_TCP && !listener.has_tls();
  detailed.facts.listener = std::move(facts);
}

void AddConsumer(const v1::Consumer& consumer, DetailedFacts& detailed) {
  const auto& keys = consumer.credentials().key_auth();
  for (int i = 0; i < keys.size(); ++i) {
    const std::string& key = keys[i].key();
    if (key.empty()) continue;
    absl::string_view digits = key;
    detailed.facts.credentials.push_back(resource::IsHashedCredential(key) &&
                                                 absl::ConsumePrefix(&digits, "sha256:")
                                             ? *resource::FromHex(digits)
                                             : resource::Sha256(key));
    detailed.credential_fields.push_back(absl::StrCat("credentials.key_auth[", i, "].key"));
  }
}

}  // namespace

bool Overlap(const Names& a, const Names& b) {
  if (a.empty() || b.empty()) return true;
  for (auto first = a.begin(), second = b.begin(); first != a.end() && second != b.end();) {
    if (*first == *second) return true;
    *first < *second ? ++first : ++second;
  }
  return false;
}

bool SubsetFacts::HasSelector(const std::string& labels) const {
  return std::find(selectors.begin(), selectors.end(), labels) != selectors.end();
}

DetailedFacts FactsOf(const v1::Resource& resource) {
  DetailedFacts detailed;
  detailed.references = resource::References(resource);
  std::vector<Key>& targets = detailed.facts.targets;
  for (const resource::Reference& reference : detailed.references) {
    targets.push_back(reference.target);
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  targets.shrink_to_fit();
  if (resource.has_route()) AddRoute(resource, detailed);
  if (resource.has_stream_route()) AddStreamRoute(resource, detailed);
  if (resource.has_listener()) AddListener(resource.listener(), detailed);
  if (resource.has_consumer()) AddConsumer(resource.consumer(), detailed);
  AddSubsets(resource, detailed.facts);
  if (resource.has_plugin_set()) {
    detailed.facts.answering = AnsweringOf(resource.plugin_set().plugins());
  }
  return detailed;
}

}  // namespace sluice::validate
