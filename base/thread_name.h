// Names the calling thread, for `top -H`, /proc/PID/task/TID/comm, debuggers and core files.
#pragma once

#include "absl/strings/string_view.h"

namespace sluice {

// The kernel keeps the first 15 characters. The main thread keeps the program's name, by which
// tools find the process.
void NameThisThread(absl::string_view name);

}  // namespace sluice
