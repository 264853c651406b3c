// The plugins that a configuration may name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/validate/field.h"
#include "api/validate/plugin_order.h"

namespace google::protobuf {
class Any;
class Message;
}  // namespace google::protobuf

namespace sluice::validate {

// "authenticate".
absl::string_view PhaseName(Phase phase);

// What a plugin's message says about it (option sluice.v1.plugin).
struct Plugin {
  std::string name;  // The key under `plugins:`.
  Phase phase;
  int order;       // Within the phase: lower first, equal ones by name.
  uint32_t since;  // The schema in which it came.
  bool answers;    // A route with it needs no upstream.

  // The empty configuration: New() makes one to fill.
  const google::protobuf::Message* prototype;

  // Every bound of a configuration, which is a message of that type.
  void (*check)(const google::protobuf::Message& config, const Field& field);
};

// All of them, by name.
const std::vector<Plugin>& Plugins();

// Null: there is no such plugin.
const Plugin* FindPlugin(absl::string_view name);

// The plugin whose configuration `any` holds, whether it can be read or not; null: none, or a
// removal.
const Plugin* PluginOf(const google::protobuf::Any& any);

// `{disabled: true}`: the plugin is removed here.
bool IsDisabled(const google::protobuf::Any& any);

}  // namespace sluice::validate
