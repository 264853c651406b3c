#include "tools/sluicectl/plugin_sources.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "api/validate/plugin_merge.h"
#include "api/validate/plugin_order.h"
#include "api/validate/plugins/registry.h"
#include "google/protobuf/any.pb.h"

namespace sluice::sluicectl {
namespace {

using resource::Kind;
using PluginMap = google::protobuf::Map<std::string, google::protobuf::Any>;

struct Entry {
  validate::PluginOrder order;
  PluginSource source;

  auto Order() const { return std::tie(source.is_removed, order); }
};

std::string NameOf(const v1::Resource& resource) {
  return absl::StrCat(resource::KindName(resource::KindOf(resource)), "/", resource.name());
}

Entry MakeEntry(absl::string_view name, const google::protobuf::Any& config, std::string from) {
  const validate::Plugin* plugin = validate::FindPlugin(name);  // Null: not known to this build.
  Entry entry;
  if (plugin != nullptr) {
    entry.order.phase = plugin->phase;
    entry.order.place = plugin->order;
    entry.source.phase = std::string(validate::PhaseName(plugin->phase));
  }
  entry.order.name = name;
  entry.source.plugin = std::string(name);
  entry.source.from = std::move(from);
  entry.source.is_removed = validate::IsDisabled(config);
  return entry;
}

const PluginMap& PluginsOf(const v1::Resource& resource) {
  switch (resource::KindOf(resource)) {
    case Kind::kService:
      return resource.service().plugins();
    case Kind::kPluginSet:
      return resource.plugin_set().plugins();
    case Kind::kConsumerGroup:
      return resource.consumer_group().plugins();
    case Kind::kConsumer:
      return resource.consumer().plugins();
    default:
      return resource.route().plugins();
  }
}

// What a route and, over it, a consumer bring.
std::vector<Entry> Merge(const View& view, const v1::Resource& route,
                         const v1::Resource* consumer) {
  std::vector<std::string> names;
  std::vector<const PluginMap*> layers;
  const auto add = [&](Kind kind, const std::string& name) {
    const v1::Resource* layer = view.Find(kind, name);
    if (layer == nullptr) return;
    names.push_back(NameOf(*layer));
    layers.push_back(&PluginsOf(*layer));
  };
  validate::ForEachPluginLayer(route, add);
  if (consumer != nullptr) validate::ForEachPluginLayer(*consumer, add);
  std::vector<Entry> entries;
  for (const auto& [name, merged] : validate::MergePlugins<PluginMap>(layers)) {
    Entry entry = MakeEntry(name, *merged.word, names[merged.said_in.back()]);
    // Removing what is not there is nothing to tell.
    if (entry.source.is_removed && merged.said_in.size() == 1) continue;
    entry.order.rank = validate::RankIn(route.route().plugin_order(), name);
    for (size_t i = merged.said_in.size() - 1; i-- > 0;) {
      entry.source.over.push_back(names[merged.said_in[i]]);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

std::vector<PluginSource> PluginSources(const View& view, const v1::Resource* route,
                                        const v1::Resource* consumer) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < view.global_rules().size(); ++i) {
    const v1::Resource& rule = *view.global_rules()[i];
    for (const auto& [name, config] : rule.global_rule().plugins()) {
      Entry entry = MakeEntry(name, config, NameOf(rule));
      if (entry.source.is_removed) continue;
      entry.order.is_of_route = false;
      entry.order.rank = i;
      entries.push_back(std::move(entry));
    }
  }
  if (route != nullptr) {
    for (Entry& entry : Merge(view, *route, consumer)) entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.Order() < b.Order(); });
  std::vector<PluginSource> sources;
  for (Entry& entry : entries) sources.push_back(std::move(entry.source));
  return sources;
}

}  // namespace sluice::sluicectl
