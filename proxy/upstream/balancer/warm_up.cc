#include "proxy/upstream/balancer/warm_up.h"

#include <algorithm>
#include <cmath>

namespace sluice::upstream {

double SlowStart::At(int64_t age_ns) const {
  if (age_ns >= window_ns) return 1;
  const double passed =
      static_cast<double>(std::max<int64_t>(age_ns, 0)) / static_cast<double>(window_ns);
  return std::max(least, aggression == 1 ? passed : std::pow(passed, 1 / aggression));
}

void WarmUp::Add(uint32_t endpoint, int64_t since_ns) {
  since_ns_.emplace(endpoint, since_ns);
  ends_ns_ = std::max(ends_ns_, since_ns + slow_start_.window_ns);
}

}  // namespace sluice::upstream
