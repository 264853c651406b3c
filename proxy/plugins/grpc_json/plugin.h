// grpc_json: lets clients call gRPC methods with JSON over HTTP.
//
// Configuration: api/sluice/plugins/v1/grpc_json.proto. Holds both bodies whole, up to the
// configured numbers of bytes.
//
// Refusals are 404 "grpc_json_no_rule" and 400 "grpc_json_bad_request".
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "api/validate/transcoding/http_rules.h"
#include "proxy/plugins/grpc_json/message.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class GrpcJson;
}  // namespace v1

class GrpcJson {
 public:
  struct Settings {
    std::shared_ptr<const validate::HttpRules> rules;
    JsonStyle style;
  };

  explicit GrpcJson(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);
  Action OnRequestBody(net::Buffer& body, bool end, Stream& stream);
  Action OnResponseHead(Stream& stream);
  Action OnResponseBody(net::Buffer& body, bool end, Stream& stream);

 private:
  const Settings& settings_;
  const validate::HttpBinding* binding_ = nullptr;  // Null: not a call for this plugin.
  validate::UrlTemplate::Values values_;
  absl::string_view query_;
  bool is_grpc_response_ = false;
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeGrpcJson(const v1::GrpcJson& config);

}  // namespace sluice::plugins
