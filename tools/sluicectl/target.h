// Where the requests of a route go, for people.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/match/request_view.h"
#include "tools/sluicectl/view.h"

namespace sluice::sluicectl {

// "orders (10.0.0.1:80)"
std::string DescribedUpstream(const View& view, const std::string& upstream);

// Titles and texts, one a line: the service, the upstream that `request` would be sent to or those
// among which weights draw, the upstreams that get copies.
std::vector<std::pair<std::string, std::string>> TargetLines(const View& view,
                                                             const v1::Route& route,
                                                             const match::RequestView& request);

}  // namespace sluice::sluicectl
