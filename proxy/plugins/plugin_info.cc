#include "proxy/plugins/plugin_info.h"

#include <utility>

#include "google/protobuf/descriptor.h"
#include "sluice/v1/options.pb.h"

namespace sluice::plugins {

static_assert(static_cast<int>(Phase::kTrace) == v1::PHASE_TRACE &&
                  static_cast<int>(Phase::kCache) == v1::PHASE_CACHE,
              "plugin.h numbers the phases as options.proto does");

std::string NameOf(const google::protobuf::Descriptor& message) {
  return message.options().GetExtension(v1::plugin).name();
}

Element MakeElement(const google::protobuf::Descriptor& message, Instance instance) {
  const v1::PluginInfo& info = message.options().GetExtension(v1::plugin);
  return {info.name(), static_cast<Phase>(info.phase()), info.order(), std::move(instance)};
}

}  // namespace sluice::plugins
