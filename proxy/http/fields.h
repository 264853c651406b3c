// Reading single values out of Cookie headers and query strings.
#pragma once

#include "absl/strings/string_view.h"
#include "proxy/http/header_map.h"

namespace sluice::http {

// Value of the first cookie of the name, as sent; empty if there is none (RFC 6265 section 4.2).
absl::string_view FindCookie(const HeaderMap& headers, absl::string_view name);

// Value of the first parameter of the name, as sent (still percent-encoded); empty if there is
// none.
absl::string_view FindQueryParameter(absl::string_view query, absl::string_view name);

}  // namespace sluice::http
