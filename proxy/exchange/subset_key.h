// The subset of endpoints that a request asks for.
#pragma once

#include "absl/strings/string_view.h"
#include "proxy/http/arena.h"
#include "proxy/http/header_map.h"
#include "proxy/upstream/subset.h"

namespace sluice::exchange {

// Its key, which lives as long as `choice` and `arena`. Empty if the request lacks a header that
// the choice goes by.
absl::string_view SubsetKeyOf(const upstream::SubsetChoice& choice, const http::HeaderMap& headers,
                              http::Arena& arena);

}  // namespace sluice::exchange
