// What the matcher sees of a request.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sluice::match {

// Gives the values of a header, one a field line, in the order of the message.
//
// A function and its context instead of std::function: asking costs one indirect call and nothing
// is allocated.
struct HeaderSource {
  // Writes as many values of the header `name` (lower case) as fit into `values`, and returns how
  // many there are. The views live as long as the request.
  using Function = size_t (*)(const void* context, absl::string_view name,
                              absl::Span<absl::string_view> values);

  Function function = nullptr;  // Null: the request has no headers.
  const void* context = nullptr;

  size_t Values(absl::string_view name, absl::Span<absl::string_view> values) const {
    return function == nullptr ? 0 : function(context, name, values);
  }
};

// A request, by views into the caller's memory. Headers are asked for, and query and cookies read,
// only if a route that matches in all else has a predicate on them.
struct RequestView {
  absl::string_view method;
  absl::string_view host;   // As sent: a port, upper case and a final dot make no difference.
  absl::string_view path;   // As Normalise() gives it; without query. "*" of OPTIONS as it is.
  absl::string_view query;  // As sent, without the "?".
  std::array<uint8_t, 16> client_ip = {};  // IPv4 as ::ffff:a.b.c.d.
  HeaderSource headers;
};

}  // namespace sluice::match
