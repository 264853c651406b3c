#include "api/validate/plugin_map.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/resource/pack.h"
#include "api/resource/problem.h"
#include "api/validate/shape.h"
#include "base/nearest.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/map.h"
#include "google/protobuf/message.h"

namespace sluice::validate {
namespace {

using google::protobuf::Any;
using resource::Quoted;

void RefuseUnknown(const std::string& name, const Field& field) {
  std::vector<absl::string_view> known;
  for (const Plugin& plugin : Plugins()) known.push_back(plugin.name);
  const absl::string_view nearest = Nearest(name, known);
  std::string problem = "no such plugin";
  if (!nearest.empty()) absl::StrAppend(&problem, ", did you mean ", Quoted(nearest), "?");
  field.Refuse(std::move(problem), std::string(nearest));
}

void CheckConfig(const Plugin& plugin, const Any& any, const Field& field) {
  if (IsDisabled(any)) {
    if (!any.value().empty()) field.Refuse("has settings though it is disabled", "none");
    return;
  }
  if (PluginOf(any) != &plugin) {
    field.Refuse(absl::StrCat("holds something else, got ", Quoted(any.type_url())),
                 "the configuration of this plugin");
    return;
  }
  const std::unique_ptr<google::protobuf::Message> config = resource::Unpack(any);
  if (config == nullptr) {
    field.Refuse("its configuration cannot be parsed", "");
    return;
  }
  CheckShape(*config, field);
  plugin.check(*config, field);
}

}  // namespace

void CheckPlugins(const PluginMap& plugins, const Field& field, Phase earliest) {
  for (const auto& [name, any] : plugins) {
    const Field entry = field.At(name);
    const Plugin* plugin = FindPlugin(name);
    if (plugin == nullptr) {
      RefuseUnknown(name, entry);
      continue;
    }
    if (plugin->phase < earliest) {
      entry.Refuse(absl::StrCat("runs before the consumer is known, in the phase ",
                                PhaseName(plugin->phase)),
                   absl::StrCat("plugins of the phase ", PhaseName(earliest), " or later"));
    }
    CheckConfig(*plugin, any, entry);
  }
}

}  // namespace sluice::validate
