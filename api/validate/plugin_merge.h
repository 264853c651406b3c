// Which plugins a request runs: of every layer that may configure one, the most specific counts, by
// name, and takes the whole configuration from the others. What `sluicectl explain` says and what a
// proxy compiles are this.
#pragma once

#include <map>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "api/resource/key.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::validate {

// Calls add(kind, name) for every resource whose plugins `resource` brings to a request, from the
// least specific to the most: of a Route its service, its plugin sets, itself; of a Consumer, which
// stands over every route, its group and itself. They may be absent or empty.
template <typename Add>
void ForEachPluginLayer(const v1::Resource& resource, Add add) {
  using resource::Kind;
  if (resource.has_route()) {
    const v1::Route& route = resource.route();
    if (!route.service().empty()) add(Kind::kService, route.service());
    for (const std::string& set : route.plugin_sets()) add(Kind::kPluginSet, set);
    add(Kind::kRoute, resource.name());
  } else if (resource.has_consumer()) {
    const std::string& group = resource.consumer().consumer_group();
    if (!group.empty()) add(Kind::kConsumerGroup, group);
    add(Kind::kConsumer, resource.name());
  }
}

// What layers say of one plugin.
template <typename Word>
struct MergedPlugin {
  const Word* word = nullptr;              // Of the most specific layer, which counts.
  absl::InlinedVector<size_t, 4> said_in;  // Indices of all layers that name it, that one last.
};

// By plugin name. `layers`, the least specific first, are maps from a plugin's name to whatever a
// layer says of it; a removal is a word, too. The result refers to them.
template <typename Layer>
std::map<absl::string_view, MergedPlugin<typename Layer::mapped_type>> MergePlugins(
    absl::Span<const Layer* const> layers) {
  std::map<absl::string_view, MergedPlugin<typename Layer::mapped_type>> merged;
  for (size_t i = 0; i < layers.size(); ++i) {
    for (const auto& [name, word] : *layers[i]) {
      auto& plugin = merged[name];
      plugin.word = &word;
      plugin.said_in.push_back(i);
    }
  }
  return merged;
}

}  // namespace sluice::validate
