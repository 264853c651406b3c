// request_size_limit: refuses requests whose body is longer than a number of bytes.
//
// Configuration: api/sluice/plugins/example/request_size_limit.proto. Streams the body: it counts
// the bytes and holds none of them.
//
// A refusal is 413 "request_body_too_large". Where the length was not declared, the upstream may
// have seen the beginning of the body.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace example {
class RequestSizeLimit;
}  // namespace example

class RequestSizeLimit {
 public:
  struct Settings {
    uint64_t max_bytes = 0;
  };

  explicit RequestSizeLimit(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream);
  Action OnRequestBody(net::Buffer& body, bool end, Stream& stream);

 private:
  const Settings& settings_;
  uint64_t seen_bytes_ = 0;  // At most max_bytes.
};

// INVALID_ARGUMENT names the field that cannot be used.
absl::StatusOr<Instance> MakeRequestSizeLimit(const example::RequestSizeLimit& config);

}  // namespace sluice::plugins
