#include "proxy/runtime/plugin_layers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/validate/plugin_merge.h"
#include "api/validate/plugins/registry.h"

namespace sluice::runtime {
namespace {

const std::shared_ptr<const plugins::Chain>& EmptyChain() {
  static const auto* const kEmpty =
      new std::shared_ptr<const plugins::Chain>(plugins::Chain::Compile({}));
  return *kEmpty;
}

std::shared_ptr<const plugins::Chain> CompileOrShare(std::vector<plugins::Element> elements) {
  return elements.empty() ? EmptyChain() : plugins::Chain::Compile(std::move(elements));
}

}  // namespace

PluginLayer CompileLayer(const google::protobuf::Map<std::string, google::protobuf::Any>& plugins,
                         const plugins::Declaration& declaration, const PluginMaker& maker,
                         std::vector<resource::Problem>& problems) {
  PluginLayer layer;
  for (const auto& [name, config] : plugins) {
    if (validate::IsDisabled(config)) {
      layer.emplace(name, std::nullopt);
      continue;
    }
    absl::StatusOr<plugins::Element> element = maker(name, config, declaration);
    if (element.ok()) {
      layer.emplace(name, *std::move(element));
      continue;
    }
    // "key: what is wrong"
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(element.status().message(), absl::MaxSplits(": ", 1));
    problems.push_back(
        {.kind = declaration.kind,
         .name = declaration.name,
         .field = absl::StrCat("plugins.", name, parts.first.empty() ? "" : ".", parts.first),
         .problem = parts.second});
  }
  return layer;
}

ChainPair MergeLayers(const std::vector<const PluginLayer*>& layers,
                      const std::vector<std::string>& plugin_order) {
  std::vector<plugins::Element> early, late;
  for (const auto& [name, merged] : validate::MergePlugins<PluginLayer>(layers)) {
    const std::optional<plugins::Element>& element = *merged.word;
    if (!element.has_value()) continue;
    const bool is_early = element->phase <= plugins::Phase::kAuthenticate;
    (is_early ? early : late).push_back(*element);
  }
  plugins::SortElements(early, plugin_order);
  plugins::SortElements(late, plugin_order);
  return {CompileOrShare(std::move(early)), CompileOrShare(std::move(late))};
}

std::shared_ptr<const plugins::OverlayPlugins> MakeOverlay(
    const std::vector<const PluginLayer*>& layers) {
  std::vector<plugins::OverlayPlugins::Overlay> overlays;
  for (const auto& [name, merged] : validate::MergePlugins<PluginLayer>(layers)) {
    const std::optional<plugins::Element>& element = *merged.word;
    plugins::OverlayPlugins::Overlay overlay;
    overlay.is_disabled = !element.has_value();
    if (overlay.is_disabled) {
      overlay.element.name = std::string(name);
    } else {
      overlay.element = *element;
    }
    overlays.push_back(std::move(overlay));
  }
  if (overlays.empty()) return nullptr;
  return std::make_shared<const plugins::OverlayPlugins>(std::move(overlays));
}

std::shared_ptr<const plugins::Chain> MakeGlobalChain(
    const std::vector<const PluginLayer*>& rules) {
  std::vector<plugins::Element> all;
  for (const PluginLayer* rule : rules) {
    std::vector<plugins::Element> elements;
    for (const auto& [name, element] : *rule) {
      if (element.has_value()) elements.push_back(*element);
    }
    plugins::SortElements(elements, {});
    std::move(elements.begin(), elements.end(), std::back_inserter(all));
  }
  std::stable_sort(
      all.begin(), all.end(),
      [](const plugins::Element& a, const plugins::Element& b) { return a.phase < b.phase; });
  return CompileOrShare(std::move(all));
}

}  // namespace sluice::runtime
