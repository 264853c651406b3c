// What a route says about the requests that it serves, as plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sluice::match {

// The fields of a Route resource (api/sluice/v1/route.proto) that decide whether it matches, in the
// notation of that file. An empty field asks for nothing.
struct RouteSpec {
  std::string name = {};
  std::vector<std::string> hosts = {};
  std::vector<std::string> paths = {};
  std::vector<std::string> methods = {};
  // Name to predicate: an exact value, "~" and an RE2 expression, "*" present, "!" absent.
  std::map<std::string, std::string> headers = {};
  std::map<std::string, std::string> query = {};
  std::map<std::string, std::string> cookies = {};
  std::vector<std::string> client_ips = {};
  int32_t priority = 0;
};

// What is wrong with one piece of text, and what would be right (may be empty).
struct Flaw {
  std::string problem;
  std::string want;
};

// A flaw and the field that has it: "paths[1]", "headers.x-team".
struct SpecProblem {
  std::string field;
  std::string problem;
  std::string want;
};

}  // namespace sluice::match
