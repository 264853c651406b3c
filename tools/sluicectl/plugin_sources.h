// Which plugins run for a request, and from where each comes.
#pragma once

#include <string>
#include <vector>

#include "tools/sluicectl/view.h"

namespace sluice::sluicectl {

struct PluginSource {
  std::string phase;              // "limit"
  std::string plugin;             // "limit_count"
  std::string from;               // "Route/orders"
  std::vector<std::string> over;  // What it replaces, the nearest first.
  bool is_removed = false;        // `from` says {disabled: true}.
};

// In the order in which they run (requests; responses in reverse), then those that are removed.
// `route` and `consumer` may be null.
std::vector<PluginSource> PluginSources(const View& view, const v1::Resource* route,
                                        const v1::Resource* consumer);

}  // namespace sluice::sluicectl
