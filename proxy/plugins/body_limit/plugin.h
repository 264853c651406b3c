// body_limit: refuses requests whose body is too large for the route.
//
// Configuration: api/sluice/plugins/v1/body_limit.proto. Streams the body: it counts the bytes and
// holds none of them.
//
// A refusal is 413 "request_body_too_large", as for the listener's own limit.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class BodyLimit;
}  // namespace v1

class BodyLimit {
 public:
  struct Settings {
    uint64_t max_request_bytes = 0;
  };

  explicit BodyLimit(const Settings& settings) : left_(settings.max_request_bytes) {}
  Action OnRequestHead(Stream& stream);
  Action OnRequestBody(net::Buffer& body, bool end, Stream& stream);

 private:
  uint64_t left_;  // Bytes that may still come.
};

// Always OK: every configuration of it can be run.
absl::StatusOr<Instance> MakeBodyLimit(const v1::BodyLimit& config);

}  // namespace sluice::plugins
