// Kinds and keys as callers write them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "api/resource/key.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::admin {

// As people write it ("routes", "Route").
//   INVALID_ARGUMENT  a Refusal: no such kind
absl::StatusOr<resource::Kind> ReadKind(const std::string& text);

// Its kind as above.
//   INVALID_ARGUMENT  a Refusal: no such kind, or no name
absl::StatusOr<resource::Key> ReadKey(const v1::ResourceKey& key);

}  // namespace sluice::admin
