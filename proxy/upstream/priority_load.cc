#include "proxy/upstream/priority_load.h"

#include <algorithm>

namespace sluice::upstream {
namespace {

// Endpoints are taken to be able to serve 1.4 times their share.
uint64_t Reach(uint32_t endpoints, uint32_t total) {
  if (total == 0) return 0;
  return std::min(kAllLoad, endpoints * 14 * kAllLoad / (10 * uint64_t{total}));
}

uint64_t Scale(uint64_t reach, uint64_t reached) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(reach) * kAllLoad / reached);
}

bool IsInPanic(const LevelHealth& level, double threshold) {
  return (level.healthy + level.degraded) < threshold * level.total ||
         (level.total == 0 && threshold > 0);
}

void SpreadByEndpoints(std::span<const LevelHealth> levels, std::vector<LevelLoad>& loads) {
  uint64_t total = 0;
  for (const LevelHealth& level : levels) total += level.total;
  for (size_t i = 0; i < levels.size() && total > 0; ++i) {
    loads[i].healthy = levels[i].total * kAllLoad / total;
  }
}

// Gives what rounding left to the first that has any.
void GiveRest(uint64_t rest, std::vector<LevelLoad>& loads) {
  for (LevelLoad& load : loads) {
    uint64_t& share = load.healthy > 0 ? load.healthy : load.degraded;
    if (share == 0) continue;
    share += rest;
    return;
  }
}

}  // namespace

std::vector<LevelLoad> SpreadLoad(std::span<const LevelHealth> levels, double panic_threshold) {
  std::vector<LevelLoad> loads(levels.size());
  uint64_t reached = 0;
  for (const LevelHealth& level : levels) {
    reached += Reach(level.healthy, level.total) + Reach(level.degraded, level.total);
  }
  reached = std::min(reached, kAllLoad);
  bool all_panic = reached < kAllLoad;
  for (size_t i = 0; i < levels.size() && reached < kAllLoad; ++i) {
    loads[i].is_in_panic = IsInPanic(levels[i], panic_threshold);
    all_panic &= loads[i].is_in_panic;
  }
  uint64_t left = kAllLoad;
  if (all_panic) {
    SpreadByEndpoints(levels, loads);
    for (const LevelLoad& load : loads) left -= load.healthy;
  } else if (reached > 0) {
    const auto take = [&left, reached](uint64_t reach) {
      const uint64_t share = std::min(left, Scale(reach, reached));
      left -= share;
      return share;
    };
    for (size_t i = 0; i < levels.size(); ++i) {
      loads[i].healthy = take(Reach(levels[i].healthy, levels[i].total));
    }
    for (size_t i = 0; i < levels.size(); ++i) {
      loads[i].degraded = take(Reach(levels[i].degraded, levels[i].total));
    }
  }
  GiveRest(left, loads);
  // Without regard to health the two are one.
  for (LevelLoad& load : loads) {
    if (load.is_in_panic) load = {load.healthy + load.degraded, 0, true};
  }
  return loads;
}

}  // namespace sluice::upstream
