// What the facts of two resources say about them together.
#pragma once

#include <optional>
#include <string>

#include "api/validate/facts.h"

namespace sluice::validate {

// Why something does not belong to a listener that it names.
struct Misfit {
  std::string problem;
  std::string want;
};

// Nothing if it belongs there, or names no listener by its kind.
std::optional<Misfit> MisfitOf(const resource::Key& key, const Facts& facts,
                               const resource::Key& listener_key, const ListenerFacts& listener);

// Whether a proxy may have both on one listener.
bool RoutesMeet(const RouteFacts& a, const RouteFacts& b);

// Whether a proxy may have both, and cannot bind both.
bool ListenersClash(const ListenerFacts& a, const ListenerFacts& b);

}  // namespace sluice::validate
