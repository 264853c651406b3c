// buffering: holds bodies back until they are complete.
//
// Configuration: api/sluice/plugins/v1/buffering.proto. Holds bodies as long as it is told; longer
// ones are answered 413 "request_body_too_large" or 502 "response_body_too_large".
#pragma once

#include "absl/status/statusor.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

namespace v1 {
class Buffering;
}  // namespace v1

// Does nothing itself: that it asks for whole bodies is all.
class Buffering {
 public:
  struct Settings {};

  explicit Buffering(const Settings& settings) {}
};

// Always OK: every configuration of it can be run.
absl::StatusOr<Instance> MakeBuffering(const v1::Buffering& config);

}  // namespace sluice::plugins
