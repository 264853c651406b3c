// request_id: gives every request an identity that logs, upstream and client share.
//
// Configuration: api/sluice/plugins/v1/request_id.proto. Looks at heads only; bodies of any size
// pass untouched.
//
// An own id is a UUID of version 4 from the worker's generator: unique, not secret.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class RequestId;
}  // namespace v1

class RequestId {
 public:
  enum class Accept : uint8_t { kTrusted, kAlways, kNever };

  struct Settings {
    std::string header;  // Lower case.
    http::HeaderId header_id;
    Accept accept = Accept::kTrusted;
    bool in_response = true;
  };

  explicit RequestId(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);
  Action OnResponseHead(Stream& stream);

 private:
  // The client's, if it is to be taken and can be; empty otherwise.
  absl::string_view FindAccepted(const Stream& stream) const;

  const Settings& settings_;
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeRequestId(const v1::RequestId& config);

}  // namespace sluice::plugins
