#include "proxy/plugins/buffering/plugin.h"

#include "sluice/plugins/v1/buffering.pb.h"

namespace sluice::plugins {
namespace {

BodyMode ModeOf(uint64_t max_bytes) {
  return max_bytes == 0 ? BodyMode::None() : BodyMode::WholeUpTo(max_bytes);
}

}  // namespace

absl::StatusOr<Instance> MakeBuffering(const v1::Buffering& config) {
  return Instantiate<Buffering>({}, ModeOf(config.request()), ModeOf(config.response()));
}

}  // namespace sluice::plugins
