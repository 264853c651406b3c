#include "proxy/server/overload/overload_level.h"

#include <algorithm>
#include <iterator>

namespace sluice::server {

absl::string_view OverloadLevelName(size_t level) {
  constexpr absl::string_view kNames[] = {
      "none", "shrink", "end_keep_alive", "shed_low", "shed_normal", "stop_accepting", "shed_all"};
  static_assert(std::size(kNames) == kOverloadLevels);
  return kNames[level];
}

OverloadActions ActionsOf(OverloadLevel memory, OverloadLevel descriptors) {
  const OverloadLevel most = std::max(memory, descriptors);
  OverloadActions actions;
  actions.shrink = memory >= OverloadLevel::kShrink;
  actions.end_keep_alive = most >= OverloadLevel::kEndKeepAlive;
  actions.stop_accepting = most >= OverloadLevel::kStopAccepting;
  if (memory >= OverloadLevel::kShedLow) actions.shed_below = 1;
  if (memory >= OverloadLevel::kShedNormal) actions.shed_below = 2;
  if (memory >= OverloadLevel::kShedAll) actions.shed_below = 3;
  return actions;
}

bool IsActive(OverloadLevel level, const OverloadActions& actions) {
  switch (level) {
    case OverloadLevel::kNone:
      return actions == OverloadActions();
    case OverloadLevel::kShrink:
      return actions.shrink;
    case OverloadLevel::kEndKeepAlive:
      return actions.end_keep_alive;
    case OverloadLevel::kShedLow:
      return actions.shed_below >= 1;
    case OverloadLevel::kShedNormal:
      return actions.shed_below >= 2;
    case OverloadLevel::kStopAccepting:
      return actions.stop_accepting;
    case OverloadLevel::kShedAll:
      return actions.shed_below >= 3;
  }
  return false;
}

OverloadLevel NextLevel(OverloadLevel present, double pressure) {
  size_t level = kOverloadLevels - 1;
  while (level > 0) {
    const bool holds = level <= static_cast<size_t>(present);
    if (pressure >= kLevelBegins[level] - (holds ? kLevelEndsBelow : 0)) break;
    --level;
  }
  return static_cast<OverloadLevel>(level);
}

}  // namespace sluice::server
