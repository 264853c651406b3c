// What health checks send and expect, as it is written in configuration. Free of protobuf, so that
// proxies read it in the same way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::validate {

// Bytes for a connection: text stands for itself, "hex:0d0a" for the bytes that it says, spaces
// between them or not. Nothing if the digits are none, or half a byte.
std::optional<std::string> ParsePayload(absl::string_view text);

// Statuses of HTTP, both ends included.
struct StatusRange {
  uint16_t first = 0;
  uint16_t last = 0;

  bool Has(int status) const { return status >= first && status <= last; }
  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

// "200", "2xx" or "200-299", within 200 and 599; nothing for all else.
std::optional<StatusRange> ParseStatusRange(absl::string_view text);

}  // namespace sluice::validate
