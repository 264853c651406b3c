// Which coding a client wants most (RFC 9110 section 12.5.3).
#pragma once

#include <optional>

#include "absl/types/span.h"
#include "proxy/http/header_map.h"
#include "proxy/plugins/compression/encoder.h"

namespace sluice::plugins {

// Of `offered`, the first of those with the highest weight in the request's Accept-Encoding.
// Nothing if the client takes none of them, or wants the plain body more.
std::optional<Coding> ChooseCoding(const http::HeaderMap& request,
                                   absl::Span<const Coding> offered);

}  // namespace sluice::plugins
