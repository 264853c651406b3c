// Reading and editing query strings: "a=1&b=2", without the "?".
//
// Names and values are compared and given decoded, as the matcher of routes does it (api/match):
// "+" is a space, and an escape that is none stands for itself.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "proxy/http/arena.h"

namespace sluice::plugins {

// The value of the first parameter of that name, as it was sent; absent if there is none.
std::optional<absl::string_view> FindQueryParameter(absl::string_view query,
                                                    absl::string_view name);

// `text` decoded: in the arena, or itself if nothing in it is encoded. May hold any byte.
absl::string_view DecodeQuery(absl::string_view text, http::Arena& arena);

// `query` without the parameters of that name, in the arena; the others as they were. Itself if
// there is none; absent if nothing is left.
std::optional<absl::string_view> WithoutQueryParameter(absl::string_view query,
                                                       absl::string_view name, http::Arena& arena);

}  // namespace sluice::plugins
