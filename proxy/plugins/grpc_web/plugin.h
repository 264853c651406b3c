// grpc_web: lets browsers call gRPC services.
//
// Configuration: api/sluice/plugins/v1/grpc_web.proto. Streams bodies both ways and holds at most
// three bytes of them.
//
// A request that is no base64 where it says so is answered 400 "grpc_web_bad_base64".
#pragma once

#include "absl/status/statusor.h"
#include "proxy/plugins/grpc_web/base64.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class GrpcWeb;
}  // namespace v1

class GrpcWeb {
 public:
  struct Settings {};

  explicit GrpcWeb(const Settings& settings) {}
  Action OnRequestHead(Stream& stream);
  Action OnRequestBody(net::Buffer& body, bool end, Stream& stream);
  Action OnResponseHead(Stream& stream);
  Action OnResponseBody(net::Buffer& body, bool end, Stream& stream);

 private:
  bool is_call_ = false;  // The request is gRPC-Web's.
  bool has_text_request_ = false;
  bool wants_text_ = false;
  bool is_grpc_response_ = false;
  Base64Decoder decoder_;
};

// Always OK: there is nothing to configure.
absl::StatusOr<Instance> MakeGrpcWeb(const v1::GrpcWeb& config);

}  // namespace sluice::plugins
