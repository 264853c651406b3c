// In which order plugins run on a request; responses go the other way.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>

#include "absl/strings/string_view.h"

namespace sluice::validate {

// The stage in which a plugin runs, as api/sluice/v1/options.proto numbers them. Requests pass them
// in this order, responses in reverse.
enum class Phase : uint8_t {
  kTrace = 1,
  kAccess,
  kAuthenticate,
  kAuthorize,
  kLimit,
  kTransform,
  kCache,
};

// By phase; in a phase those of global rules first, by rule; those of a route as its `plugin_order`
// has them, then by place and name.
struct PluginOrder {
  Phase phase = Phase::kTrace;
  bool is_of_route = true;
  size_t rank = 0;  // Of a global rule: which; else RankIn() the route's `plugin_order`.
  int place = 0;
  absl::string_view name;

  friend bool operator<(const PluginOrder& a, const PluginOrder& b) {
    const auto tied = [](const PluginOrder& o) {
      return std::tie(o.phase, o.is_of_route, o.rank, o.place, o.name);
    };
    return tied(a) < tied(b);
  }
};

// Where `plugin_order` has the plugin; behind its end if it does not.
template <typename Names>
size_t RankIn(const Names& plugin_order, absl::string_view name) {
  return static_cast<size_t>(std::find(plugin_order.begin(), plugin_order.end(), name) -
                             plugin_order.begin());
}

}  // namespace sluice::validate
