// Host names as the matcher compares them.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "api/match/route_spec.h"

namespace sluice::match {

// Bytes that HostKey() may write.
inline constexpr size_t kMaxHostSize = 255;

// A host of a request: without port and final dot, in lower case. The result stands in `buffer`
// (kMaxHostSize bytes) or is empty, if there is no host or it is longer than any name.
absl::string_view HostKey(absl::string_view host, char* buffer);

// A host of a route, brought into the same form; "*.x" keeps its "*.". Returns what is wrong with
// it, if anything is, and then leaves `canonical` alone.
std::optional<Flaw> ParseHost(absl::string_view text, std::string* canonical);

inline bool IsWildcardHost(absl::string_view canonical) {
  return !canonical.empty() && canonical[0] == '*';
}

// Whether `host`, from HostKey(), is one that `canonical`, from ParseHost(), covers.
bool HostCovers(absl::string_view canonical, absl::string_view host);

}  // namespace sluice::match
