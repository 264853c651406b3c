#include "proxy/plugins/registry.h"

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/any.pb.h"
#include "proxy/plugins/body_limit/plugin.h"
#include "proxy/plugins/buffering/plugin.h"
#include "proxy/plugins/compression/encoder.h"
#include "proxy/plugins/compression/plugin.h"
#include "proxy/plugins/consumer_restriction/plugin.h"
#include "proxy/plugins/cors/plugin.h"
#include "proxy/plugins/decompression/plugin.h"
#include "proxy/plugins/fault_injection/plugin.h"
#include "proxy/plugins/field_error.h"
#include "proxy/plugins/grpc_json/plugin.h"
#include "proxy/plugins/grpc_web/plugin.h"
#include "proxy/plugins/headers/plugin.h"
#include "proxy/plugins/ip_restriction/plugin.h"
#include "proxy/plugins/key_auth/plugin.h"
#include "proxy/plugins/limit_count/plugin.h"
#include "proxy/plugins/plugin_info.h"
#include "proxy/plugins/redirect/plugin.h"
#include "proxy/plugins/request_id/plugin.h"
#include "proxy/plugins/respond/plugin.h"
#include "proxy/plugins/rewrite/plugin.h"
#include "sluice/plugins/v1/body_limit.pb.h"
#include "sluice/plugins/v1/buffering.pb.h"
#include "sluice/plugins/v1/compression.pb.h"
#include "sluice/plugins/v1/consumer_restriction.pb.h"
#include "sluice/plugins/v1/cors.pb.h"
#include "sluice/plugins/v1/decompression.pb.h"
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

namespace sluice::plugins {

// One line a plugin: its factory, or a lambda that adds what it needs besides its configuration
// (and, where it wants to know, the resource that declares it).
Registry::Registry(CounterTable& counters) {
  Add(&MakeBodyLimit);
  Add(&MakeBuffering);
  Add([encoders = std::make_shared<EncoderStore>()](const v1::Compression& config) {
    return MakeCompression(config, encoders);
  });
  Add(&MakeConsumerRestriction);
  Add(&MakeCors);
  Add(&MakeDecompression);
  Add(&MakeFaultInjection);
  Add(&MakeGrpcJson);
  Add(&MakeGrpcWeb);
  Add(&MakeHeaders);
  Add(&MakeIpRestriction);
  Add(&MakeKeyAuth);
  Add([&counters](const v1::LimitCount& config, const Declaration& declaration) {
    return MakeLimitCount(config, declaration, counters);
  });
  Add(&MakeRedirect);
  Add(&MakeRequestId);
  Add(&MakeRespond);
  Add(&MakeRewrite);
}

template <typename Factory>
void Registry::Add(Factory factory) {
  using Config = ConfigOf<Factory>;
  makers_[NameOf(*Config::descriptor())] =
      [factory](const google::protobuf::Any& any,
                const Declaration& declaration) -> absl::StatusOr<Element> {
    Config config;
    if (!any.UnpackTo(&config)) {
      return FieldError("", absl::StrCat("is no ", Config::descriptor()->full_name(), ", got ",
                                         any.value().size(), " bytes of \"", any.type_url(), "\""));
    }
    absl::StatusOr<Instance> instance;
    if constexpr (std::is_invocable_v<Factory, const Config&, const Declaration&>) {
      instance = factory(config, declaration);
    } else {
      instance = factory(config);
    }
    if (!instance.ok()) return instance.status();
    return MakeElement(*Config::descriptor(), *std::move(instance));
  };
}

absl::StatusOr<Element> Registry::Make(absl::string_view name, const google::protobuf::Any& config,
                                       const Declaration& declaration) const {
  const auto found = makers_.find(name);
  if (found == makers_.end()) {
    return FieldError("", absl::StrCat("this build has no plugin \"", name, "\""));
  }
  return found->second(config, declaration);
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> names;
  for (const auto& [name, maker] : makers_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace sluice::plugins
