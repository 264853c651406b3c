// Requests and responses of one HTTP binding as messages of its gRPC method.
//
// Descriptors take locks of protobuf's own while JSON is read and written.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/validate/transcoding/http_rules.h"

namespace sluice::plugins {

struct JsonStyle {
  bool keeps_field_names = false;
  bool prints_defaults = false;
  bool has_enums_as_numbers = false;
};

// The gRPC frame of a request. INVALID_ARGUMENT says what does not fit the message.
absl::StatusOr<std::string> ToGrpcFrame(const validate::HttpBinding& binding,
                                        const validate::UrlTemplate::Values& values,
                                        absl::string_view query, absl::string_view body);

// The JSON of a response's frames: one message or, where the method streams, an array of all.
// INTERNAL: the upstream sent something else.
absl::StatusOr<std::string> ToJson(const validate::HttpBinding& binding, absl::string_view frames,
                                   const JsonStyle& style);

// {"code": 5, "message": "..."}
std::string ErrorJson(int code, absl::string_view message);

// Of a gRPC status, 500 for those that there are none of.
int HttpStatusOf(int grpc_code);

}  // namespace sluice::plugins
