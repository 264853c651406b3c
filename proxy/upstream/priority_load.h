// How much of the requests each priority of an upstream takes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::upstream {

// Shares of the requests, as integers, so that every worker and proxy splits alike.
inline constexpr uint64_t kAllLoad = uint64_t{1} << 32;

// Endpoints of one priority. One that is degraded is not among the healthy.
struct LevelHealth {
  uint32_t total = 0;
  uint32_t healthy = 0;
  uint32_t degraded = 0;
};

// Of kAllLoad.
struct LevelLoad {
  uint64_t healthy = 0;
  uint64_t degraded = 0;
  // So few of its endpoints are well that health is no guide: `healthy` is for all of them.
  bool is_in_panic = false;
};

// `levels` from the highest priority on. A level takes what is left as far as its healthy endpoints
// reach, each counted 1.4 times: 72 % of them are enough for everything. What healthy endpoints
// of all levels cannot take goes to degraded ones in the same way. If all that is not enough, it is
// scaled up, and a level of which less than `panic_threshold` (0 to 1; 0 is never) is healthy or
// degraded panics; when all do, each takes its part of the endpoints. Nothing at all is
// loaded if no endpoint is well and none may panic.
std::vector<LevelLoad> SpreadLoad(std::span<const LevelHealth> levels, double panic_threshold);

}  // namespace sluice::upstream
