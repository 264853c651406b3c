#include "api/validate/plugins/grpc_json.h"

#include <string>

#include "absl/strings/escaping.h"
#include "api/validate/bounds.h"
#include "api/validate/transcoding/http_rules.h"
#include "sluice/plugins/v1/grpc_json.pb.h"

namespace sluice::validate {

void Check(const plugins::v1::GrpcJson& config, const Field& field) {
  constexpr int kMaxServices = 64;
  constexpr size_t kMaxText = 4 << 20;
  constexpr uint64_t kMaxBody = 64 << 20;
  CheckCount(field.At("services"), config.services_size(), kMaxServices, "services");
  const Field set = field.At("descriptor_set");
  CheckLength(set, config.descriptor_set(), kMaxText);
  if (config.has_max_request_bytes()) {
    CheckSize(field.At("max_request_bytes"), config.max_request_bytes(), 1, kMaxBody);
  }
  if (config.has_max_response_bytes()) {
    CheckSize(field.At("max_response_bytes"), config.max_response_bytes(), 1, kMaxBody);
  }
  if (config.descriptor_set().empty() || config.descriptor_set().size() > kMaxText) return;
  std::string bytes;
  if (!absl::Base64Unescape(config.descriptor_set(), &bytes)) {
    set.Refuse("no base64",
               "what `protoc --include_imports --descriptor_set_out=/dev/stdout FILES "
               "| base64` prints");
    return;
  }
  const auto rules =
      HttpRules::Compile(bytes, {config.services().begin(), config.services().end()});
  if (!rules.ok()) set.Refuse(std::string(rules.status().message()));
}

}  // namespace sluice::validate
