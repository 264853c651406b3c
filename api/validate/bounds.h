// Ranges of numbers, durations, lengths and counts. Each function refuses the field unless the
// value is within the range, and says the range.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/validate/field.h"

namespace google::protobuf {
class Duration;
}  // namespace google::protobuf

namespace sluice::validate {

void CheckRange(const Field& field, uint64_t value, uint64_t least, uint64_t most);

// Of bytes, said as "64KiB".
void CheckSize(const Field& field, uint64_t bytes, uint64_t least, uint64_t most);

void CheckDuration(const Field& field, const google::protobuf::Duration& duration,
                   absl::Duration least, absl::Duration most);

// Of a list or map: `what` are its elements ("names").
void CheckCount(const Field& field, int count, int most, absl::string_view what);

// Of text, in bytes.
void CheckLength(const Field& field, absl::string_view text, size_t most);

// Of a duration that CheckShape() let pass.
absl::Duration ToDuration(const google::protobuf::Duration& duration);

}  // namespace sluice::validate
