#include "api/validate/plugins/registry.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "api/validate/plugins/body_limit.h"
#include "api/validate/plugins/buffering.h"
#include "api/validate/plugins/compression.h"
#include "api/validate/plugins/consumer_restriction.h"
#include "api/validate/plugins/cors.h"
#include "api/validate/plugins/decompression.h"
#include "api/validate/plugins/fault_injection.h"
#include "api/validate/plugins/grpc_json.h"
#include "api/validate/plugins/grpc_web.h"
#include "api/validate/plugins/headers.h"
#include "api/validate/plugins/ip_restriction.h"
#include "api/validate/plugins/key_auth.h"
#include "api/validate/plugins/limit_count.h"
#include "api/validate/plugins/redirect.h"
#include "api/validate/plugins/request_id.h"
#include "api/validate/plugins/respond.h"
#include "api/validate/plugins/rewrite.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sluice/plugins/v1/body_limit.pb.h"
#include "sluice/plugins/v1/buffering.pb.h"
#include "sluice/plugins/v1/compression.pb.h"
#include "sluice/plugins/v1/consumer_restriction.pb.h"
#include "sluice/plugins/v1/cors.pb.h"
#include "sluice/plugins/v1/decompression.pb.h"
#include "sluice/plugins/v1/disabled.pb.h"
#include "sluice/plugins/v1/fault_injection.pb.h"
#include "sluice/plugins/v1/grpc_json.pb.h"
#include "sluice/plugins/v1/grpc_web.pb.h"
#include "sluice/plugins/v1/headers.pb.h"
#include "sluice/plugins/v1/ip_restriction.pb.h"
#include "sluice/plugins/v1/key_auth.pb.h"
#include "sluice/plugins/v1/limit_count.pb.h"
#include "sluice/plugins/v1/redirect.pb.h"
#include "sluice/plugins/v1/request_id.pb.h"
#include "sluice/plugins/v1/respond.pb.h"
#include "sluice/plugins/v1/rewrite.pb.h"
#include "sluice/v1/options.pb.h"

namespace sluice::validate {
namespace {

template <typename Config>
Plugin Entry() {
  const v1::PluginInfo& info = Config::descriptor()->options().GetExtension(v1::plugin);
  const auto check = [](const google::protobuf::Message& config, const Field& field) {
    Check(static_cast<const Config&>(config), field);
  };
  return {info.name(),    static_cast<Phase>(info.phase()), info.order(), info.since(),
          info.answers(), &Config::default_instance(),      check};
}

// One line a plugin.
std::vector<Plugin> MakePlugins() {
  using namespace plugins::v1;
  // clang-format off
  std::vector<Plugin> plugins = {
      Entry<BodyLimit>(),
      Entry<Buffering>(),
      Entry<Compression>(),
      Entry<ConsumerRestriction>(),
      Entry<Cors>(),
      Entry<Decompression>(),
      Entry<FaultInjection>(),
      Entry<GrpcJson>(),
      Entry<GrpcWeb>(),
      Entry<Headers>(),
      Entry<IpRestriction>(),
      Entry<KeyAuth>(),
      Entry<LimitCount>(),
      Entry<Redirect>(),
      Entry<RequestId>(),
      Entry<Respond>(),
      Entry<Rewrite>(),
  };
  // clang-format on
  std::sort(plugins.begin(), plugins.end(),
            [](const Plugin& a, const Plugin& b) { return a.name < b.name; });
  return plugins;
}

// "sluice.plugins.v1.KeyAuth" of "type.googleapis.com/sluice.plugins.v1.KeyAuth".
absl::string_view TypeName(const google::protobuf::Any& any) {
  const absl::string_view url = any.type_url();
  const size_t slash = url.rfind('/');
  return slash == absl::string_view::npos ? absl::string_view() : url.substr(slash + 1);
}

}  // namespace

absl::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kTrace:
      return "trace";
    case Phase::kAccess:
      return "access";
    case Phase::kAuthenticate:
      return "authenticate";
    case Phase::kAuthorize:
      return "authorize";
    case Phase::kLimit:
      return "limit";
    case Phase::kTransform:
      return "transform";
    case Phase::kCache:
      return "cache";
  }
  return "";
}

const std::vector<Plugin>& Plugins() {
  static const std::vector<Plugin>& plugins = *new std::vector<Plugin>(MakePlugins());
  return plugins;
}

const Plugin* FindPlugin(absl::string_view name) {
  const std::vector<Plugin>& plugins = Plugins();
  const auto found = std::lower_bound(
      plugins.begin(), plugins.end(), name,
      [](const Plugin& plugin, absl::string_view wanted) { return plugin.name < wanted; });
  return found != plugins.end() && found->name == name ? &*found : nullptr;
}

const Plugin* PluginOf(const google::protobuf::Any& any) {
  using ByType = absl::flat_hash_map<absl::string_view, const Plugin*>;
  static const ByType& by_type = *[] {
    auto* made = new ByType;
    for (const Plugin& plugin : Plugins()) {
      made->emplace(plugin.prototype->GetDescriptor()->full_name(), &plugin);
    }
    return made;
  }();
  const auto found = by_type.find(TypeName(any));
  return found == by_type.end() ? nullptr : found->second;
}

bool IsDisabled(const google::protobuf::Any& any) {
  return TypeName(any) == plugins::v1::Disabled::descriptor()->full_name();
}

}  // namespace sluice::validate
