// One message of gRPC, as it stands in a body.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::hairpin {

inline constexpr uint64_t kGrpcPrefixBytes = 5;

// Uncompressed; its length, below 2^32, in four bytes.
inline std::string GrpcMessage(uint64_t bytes, char fill) {
  std::string message(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) message.push_back(static_cast<char>(bytes >> shift));
  return message.append(bytes, fill);
}

}  // namespace sluice::hairpin
