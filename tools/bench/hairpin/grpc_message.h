// One message of gRPC, as it stands in a body.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::hairpin {

inline constexpr uint64_t kGrpcPrefixBytes = 5;

// Uncompressed; its length, below 2^32, in four bytes.
inline std::string GrpcMessage(absl::string_view payload) {
  std::string message(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    message.push_back(static_cast<char>(payload.size() >> shift));
  }
  return message.append(payload.data(), payload.size());
}

}  // namespace sluice::hairpin
