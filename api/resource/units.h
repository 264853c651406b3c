// Durations and sizes as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::resource {

// "250ms", "15s", "5m", "1h", "1h30m": whole numbers, each with one of h, m, s, ms, us, ns, in
// descending order; "-" before all makes it negative. Nothing for all else, a number without a unit
// too, and beyond what google.protobuf.Duration holds (10,000 years).
std::optional<absl::Duration> ParseDuration(absl::string_view text);

// The same form, with the largest units first; "0s" for zero. What is beyond the range above comes
// out as its end.
std::string DurationText(absl::Duration duration);

// "64KiB", "1MiB", "2GiB", "1TiB" or plain bytes ("1000"). Nothing for all else, "64KB" too, and
// beyond 64 bits.
std::optional<uint64_t> ParseSize(absl::string_view text);

// With the largest unit of which it is a multiple.
std::string SizeText(uint64_t bytes);

}  // namespace sluice::resource
