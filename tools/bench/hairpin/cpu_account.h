// Processor time of processes and everything that descends from them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace sluice::hairpin {

// Microseconds, user and system, that `roots`, their living descendants and their ended, collected
// children have used. From /proc/PID/stat: a sum exact to 10 ms. Their split into user and system
// is sampled and no use, so it is not given. Processes that do not exist count nothing.
uint64_t CpuMicros(absl::Span<const pid_t> roots);

}  // namespace sluice::hairpin
