// The field `plugins` of a resource.
#pragma once

#include <string>

#include "api/validate/field.h"
#include "api/validate/plugins/registry.h"

namespace google::protobuf {
class Any;
template <typename Key, typename T>
class Map;
}  // namespace google::protobuf

namespace sluice::validate {

using PluginMap = google::protobuf::Map<std::string, google::protobuf::Any>;

// Every name is one of a plugin of the phase `earliest` or later, and every configuration is one
// of that plugin and within its bounds, or {disabled: true}.
void CheckPlugins(const PluginMap& plugins, const Field& field, Phase earliest = Phase::kTrace);

}  // namespace sluice::validate
