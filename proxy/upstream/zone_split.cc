#include "proxy/upstream/zone_split.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "proxy/upstream/priority_load.h"

namespace sluice::upstream {

ZoneSplit SplitByZone(std::span<const ZonedEndpoint> healthy, absl::string_view own, size_t zones) {
  absl::flat_hash_map<absl::string_view, double> part;  // Of the healthy weight.
  double total = 0;
  for (const ZonedEndpoint& endpoint : healthy) {
    part[endpoint.zone] += endpoint.share.weight;
    total += endpoint.share.weight;
  }
  for (auto& [zone, weight] : part) weight /= total;
  const double demand = 1.0 / static_cast<double>(std::max<size_t>(zones, 1));
  const auto own_part = part.find(own);
  ZoneSplit split;
  const double near = own_part == part.end() ? 0 : std::min(1.0, own_part->second / demand);
  // Parts are sums of quotients: what is all but for rounding is all.
  split.near_load =
      near > 1 - 1e-9 ? kAllLoad : static_cast<uint64_t>(near * static_cast<double>(kAllLoad));

  // What a zone has to spare, by what it has.
  const auto spare = [&](absl::string_view zone) {
    const double has = part.at(zone);
    return zone.empty() ? 1.0 : std::max(0.0, has - demand) / has;
  };
  double most = 0;
  for (const ZonedEndpoint& endpoint : healthy) {
    if (endpoint.zone == own) continue;
    most = std::max(most, endpoint.share.weight * spare(endpoint.zone));
  }
  for (const ZonedEndpoint& endpoint : healthy) {
    if (endpoint.zone == own) {
      split.near.push_back(endpoint.share);
      continue;
    }
    EndpointShare share = endpoint.share;
    // The least weight is as good as none, but keeps the endpoint in reach of retries.
    if (near > 0 && most > 0) {
      const double scaled =
          share.weight * spare(endpoint.zone) / most * double{EndpointTable::kMaxWeight};
      share.weight = std::max(1u, static_cast<uint32_t>(scaled));
    }
    split.far.push_back(share);
  }
  return split;
}

}  // namespace sluice::upstream
