// Which endpoints stand out from the rest by how often their requests succeeded.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "proxy/upstream/outlier.h"

namespace sluice::upstream::health {

// Of one interval's `rates`: the indices of those to eject, and why. Each stands once.
std::vector<std::pair<size_t, Ejection>> FindOutliers(
    const OutlierPolicy& policy, const std::vector<OutlierRecord::Rates>& rates);

}  // namespace sluice::upstream::health
