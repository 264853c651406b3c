#include "api/validate/bounds.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "api/resource/units.h"
#include "google/protobuf/duration.pb.h"

namespace sluice::validate {
namespace {

using resource::DurationText;
using resource::SizeText;

void RefuseRange(const Field& field, absl::string_view got, absl::string_view least,
                 absl::string_view most) {
  field.Refuse(absl::StrCat("out of range, got ", got), absl::StrCat(least, " to ", most));
}

}  // namespace

void CheckRange(const Field& field, uint64_t value, uint64_t least, uint64_t most) {
  if (value >= least && value <= most) return;
  RefuseRange(field, absl::StrCat(value), absl::StrCat(least), absl::StrCat(most));
}

void CheckSize(const Field& field, uint64_t bytes, uint64_t least, uint64_t most) {
  if (bytes >= least && bytes <= most) return;
  RefuseRange(field, SizeText(bytes), SizeText(least), SizeText(most));
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void CheckDuration(const Field& field, const google::protobuf::Duration& duration,
                   absl::Duration least, absl::Duration most) {
  const absl::Duration value = ToDuration(duration);
  if (value >= least && value <= most) return;
  RefuseRange(field, DurationText(value), DurationText(least), DurationText(most));
}

void CheckCount(const Field& field, int count, int most, absl::string_view what) {
  if (count <= most) return;
  field.Refuse(absl::StrCat("too many ", what, ", got ", count), absl::StrCat(most, " at most"));
}

void CheckLength(const Field& field, absl::string_view text, size_t most) {
  if (text.size() <= most) return;
  field.Refuse(absl::StrCat("too long, got ", text.size(), " bytes"),
               absl::StrCat(most, " bytes at most"));
}

}  // namespace sluice::validate
