// How hard pressed the proxy is, and what is done about it: each level does what those below it do.
//
// Thread: any; values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace sluice::server {

enum class OverloadLevel : uint8_t {
  kNone,
  kShrink,         // Unused memory goes back to the system; queues are kept short.
  kEndKeepAlive,   // Idle connections are closed; the others end with their response.
  kShedLow,        // Requests of routes with shed_priority low are answered 503.
  kShedNormal,     // So are normal ones.
  kStopAccepting,  // Connections wait in the kernel.
  kShedAll,        // Every request is answered 503.
};
inline constexpr size_t kOverloadLevels = 7;

// From what share of a resource on a level holds, in per cent; and how far below it must fall for
// the level to end, so that what a level frees does not end it at once.
inline constexpr std::array<int, kOverloadLevels> kLevelBegins = {0, 80, 85, 90, 94, 96, 98};
inline constexpr int kLevelEndsBelow = 5;

// "shrink", "end_keep_alive" ...; of kNone "none".
absl::string_view OverloadLevelName(size_t level);

// What workers do.
struct OverloadActions {
  bool shrink = false;
  bool end_keep_alive = false;
  bool stop_accepting = false;
  uint8_t shed_below = 0;  // Requests whose route has a lower priority than this.

  friend bool operator==(const OverloadActions&, const OverloadActions&) = default;
};
// Each resource has a level of its own. Requests need few descriptors: as long as there are some
// they are served, so that only memory sheds them.
OverloadActions ActionsOf(OverloadLevel memory, OverloadLevel descriptors);
// Whether what a level is named after is done.
bool IsActive(OverloadLevel level, const OverloadActions& actions);

// The level that follows `present` at so much pressure, in per cent.
OverloadLevel NextLevel(OverloadLevel present, double pressure);

}  // namespace sluice::server
