// The merge of DESIGN: by plugin name, whole configurations, the most specific wins. A proxy does
// the same with compiled plugins (proxy/runtime/plugin_layers.cc); what it may not include, a test
// of both programs compares.
#include "tools/sluicectl/plugin_sources.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "api/validate/plugins/registry.h"
#include "google/protobuf/any.pb.h"

namespace sluice::sluicectl {
namespace {

using resource::Kind;
using PluginMap = google::protobuf::Map<std::string, google::protobuf::Any>;

struct Layer {
  std::string from;
  const PluginMap* plugins;
};

struct Entry {
  const validate::Plugin* plugin;  // Null: not known to this build.
  bool is_global;
  size_t rank;  // Of a global rule among its kind, of others in `plugin_order`.
  PluginSource source;

  auto Order() const {
    const int phase = plugin == nullptr ? 0 : static_cast<int>(plugin->phase);
    const int place = plugin == nullptr ? 0 : plugin->order;
    return std::make_tuple(source.is_removed, phase, !is_global, rank, place, source.plugin);
  }
};

std::string NameOf(const v1::Resource& resource) {
  return absl::StrCat(resource::KindName(resource::KindOf(resource)), "/", resource.name());
}

Entry MakeEntry(const std::string& name, const google::protobuf::Any& config,
                const std::string& from) {
  Entry entry;
  entry.plugin = validate::FindPlugin(name);
  entry.is_global = false;
  entry.rank = 0;
  entry.source.plugin = name;
  entry.source.phase =
      entry.plugin == nullptr ? "" : std::string(validate::PhaseName(entry.plugin->phase));
  entry.source.from = from;
  entry.source.is_removed = validate::IsDisabled(config);
  return entry;
}

// From the least specific to the most.
std::vector<Layer> LayersOf(const View& view, const v1::Route& route, const std::string& from) {
  std::vector<Layer> layers;
  const v1::Resource* service = view.Find(Kind::kService, route.service());
  if (service != nullptr) layers.push_back({NameOf(*service), &service->service().plugins()});
  for (const std::string& name : route.plugin_sets()) {
    const v1::Resource* set = view.Find(Kind::kPluginSet, name);
    if (set != nullptr) layers.push_back({NameOf(*set), &set->plugin_set().plugins()});
  }
  layers.push_back({from, &route.plugins()});
  return layers;
}

void AddConsumer(const View& view, const v1::Resource& consumer, std::vector<Layer>& layers) {
  const v1::Resource* group = view.Find(Kind::kConsumerGroup, consumer.consumer().consumer_group());
  if (group != nullptr) layers.push_back({NameOf(*group), &group->consumer_group().plugins()});
  layers.push_back({NameOf(consumer), &consumer.consumer().plugins()});
}

std::vector<Entry> Merge(const std::vector<Layer>& layers, const v1::Route& route) {
  std::map<std::string, Entry> merged;
  for (const Layer& layer : layers) {
    for (const auto& [name, config] : *layer.plugins) {
      Entry entry = MakeEntry(name, config, layer.from);
      const auto before = merged.find(name);
      if (before != merged.end()) {
        entry.source.over = std::move(before->second.source.over);
        entry.source.over.insert(entry.source.over.begin(), before->second.source.from);
      }
      const auto& order = route.plugin_order();
      entry.rank = static_cast<size_t>(std::find(order.begin(), order.end(), name) - order.begin());
      merged.insert_or_assign(name, std::move(entry));
    }
  }
  std::vector<Entry> entries;
  for (auto& [name, entry] : merged) {
    // Removing what is not there is nothing to tell.
    if (entry.source.is_removed && entry.source.over.empty()) continue;
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
      entry.is_global = true;
      entry.rank = i;
      entries.push_back(std::move(entry));
    }
  }
  if (route != nullptr) {
    std::vector<Layer> layers = LayersOf(view, route->route(), NameOf(*route));
    if (consumer != nullptr) AddConsumer(view, *consumer, layers);
    for (Entry& entry : Merge(layers, route->route())) entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.Order() < b.Order(); });
  std::vector<PluginSource> sources;
  for (Entry& entry : entries) sources.push_back(std::move(entry.source));
  return sources;
}

}  // namespace sluice::sluicectl
