// Plugins of one resource, compiled once and shared by every chain that takes them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/resource/problem.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/map.h"
#include "proxy/plugins/chain.h"

namespace sluice::runtime {

// Makes a plugin from its configuration, or says INVALID_ARGUMENT "<field in it>: <problem>":
// plugins::Registry::Make() in the proxy.
using PluginMaker = std::function<absl::StatusOr<plugins::Element>(
    const std::string& name, const google::protobuf::Any& config,
    const plugins::Declaration& declaration)>;

// Name to plugin; no value where the resource removes an inherited one.
using PluginLayer = std::map<std::string, std::optional<plugins::Element>>;

// Compiles `plugins:` of a resource. Adds what cannot be compiled to `problems`.
PluginLayer CompileLayer(const google::protobuf::Map<std::string, google::protobuf::Any>& plugins,
                         const plugins::Declaration& declaration, const PluginMaker& maker,
                         std::vector<resource::Problem>& problems);

struct ChainPair {
  std::shared_ptr<const plugins::Chain> early;
  std::shared_ptr<const plugins::Chain> late;
};

// The chains of layers, the least specific first: a plugin is taken whole from the last layer that
// has it.
ChainPair MergeLayers(const std::vector<const PluginLayer*>& layers,
                      const std::vector<std::string>& plugin_order);

// What a consumer and its group put over a route's late chain; null if nothing.
std::shared_ptr<const plugins::OverlayPlugins> MakeOverlay(
    const std::vector<const PluginLayer*>& layers);

// One chain of several global rules, in the order given: by phase, then by rule.
std::shared_ptr<const plugins::Chain> MakeGlobalChain(const std::vector<const PluginLayer*>& rules);

}  // namespace sluice::runtime
