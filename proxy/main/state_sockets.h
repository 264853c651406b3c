// The sockets in a state directory.
#pragma once

#include "absl/strings/string_view.h"

namespace sluice::main {

inline constexpr absl::string_view kActionsSocket = "admin.sock";      // POST, of operators.
inline constexpr absl::string_view kHandoverSocket = "handover.sock";  // Of successors.

}  // namespace sluice::main
