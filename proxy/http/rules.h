// Rules on names and values that hold for every protocol and both directions: one set for all
// codecs, so that nothing is valid on one side and an attack on the other.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "proxy/http/header_id.h"

namespace sluice::http {

// A token (RFC 9110 section 5.6.2), as names of headers and methods are. Not empty.
bool IsToken(absl::string_view text);
// Of an upgrade (RFC 9110 section 7.8), of at most 64 bytes: a name, or one, a slash and a version.
bool IsUpgradeProtocol(absl::string_view text);

// What a header may hold: no control characters but tabs inside, no white space at the ends.
// May be empty.
bool IsHeaderValue(absl::string_view text);

// uri-host [":" port] as we take it: letters, digits, "-._~" or an IPv6 literal in brackets; a port
// of 0-65535. Not empty. RFC 3986 allows more (percent-encoding, sub-delims), which no name that
// resolves needs and which other parsers read differently.
bool IsValidAuthority(absl::string_view authority);

// 1*DIGIT without leading zeros, below 2^63.
std::optional<uint64_t> ParseContentLength(absl::string_view value);

// Fields that belong to one connection and never go on (RFC 9110 section 7.6.1).
bool IsHopByHop(HeaderId id);

// Fields that the codecs write by themselves: those of framing and connection, and Host. Whatever
// edits headers by configuration leaves them alone.
bool IsWrittenByCodec(HeaderId id);

// Fields that a Connection header may not name: removing them changes framing, routing or security.
bool IsProtectedFromConnection(HeaderId id);

// Fields that never are trailers (RFC 9110 section 6.5.1): framing, routing, authentication,
// content description.
bool IsForbiddenTrailer(HeaderId id);

// Calls `f(absl::string_view)` for each element of a comma-separated list, white space trimmed,
// empty ones too.
template <typename F>
void ForEachListElement(absl::string_view list, F f) {
  for (;;) {
    const size_t comma = list.find(',');
    absl::string_view element = list.substr(0, comma);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) {
      element.remove_prefix(1);
    }
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) {
      element.remove_suffix(1);
    }
    f(element);
    if (comma == absl::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace sluice::http
