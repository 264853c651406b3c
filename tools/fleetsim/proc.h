// What the system says of a process, and of the loopback interface.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace sluice::fleetsim {

// All are zero where the system does not tell.

// Of all threads, in user and kernel mode.
absl::Duration CpuTimeOf(const std::string& pid);

// "VmRSS" or "VmHWM".
uint64_t MemoryOf(const std::string& pid, const std::string& field);

// Every byte that went over the loopback interface, with all headers, of every process.
uint64_t LoopbackBytes();

}  // namespace sluice::fleetsim
