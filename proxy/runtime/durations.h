// Durations of the contract as the data path counts them.
#pragma once

#include <cstdint>

#include "google/protobuf/duration.pb.h"

namespace sluice::runtime {

inline int64_t ToNanos(const google::protobuf::Duration& duration) {
  return duration.seconds() * 1'000'000'000 + duration.nanos();
}

}  // namespace sluice::runtime
