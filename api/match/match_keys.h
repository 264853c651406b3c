// Telling routes apart that would serve the same requests with the same rank.
#pragma once

#include <string>
#include <vector>

#include "api/match/compiled_spec.h"

namespace sluice::match {

// One key for each pair of a host and a path of the route. Two routes with a key in common are the
// same to the matcher, but for their names: on a shared listener and group they are refused. What
// makes no difference makes none in the key: names of variables, the order of lists, upper case in
// hosts, HEAD beside GET, how the same set of addresses is written.
//
// A key is for comparing and for people to read, not to be parsed:
//   host=*.shop.example path="/users/{}" priority=0 methods=GET, HEAD headers.x-team="a"
std::vector<std::string> MatchKeys(const CompiledSpec& spec);

}  // namespace sluice::match
