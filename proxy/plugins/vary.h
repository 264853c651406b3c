// The header Vary, to which several plugins add.
#pragma once

#include "absl/strings/string_view.h"
#include "proxy/http/header_map.h"

namespace sluice::plugins {

// Says that the response depends on the request header `name` (lower case, lives as long as the
// response), unless it says so already or depends on everything ("*").
void AddVary(http::HeaderMap& headers, absl::string_view name);

}  // namespace sluice::plugins
