#include "api/resource/units.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sluice::resource {
namespace {

struct TimeUnit {
  absl::string_view name;
  int64_t nanoseconds;
};

constexpr TimeUnit kTimeUnits[] = {
    {"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000},
    {"ms", 1'000'000},        {"us", 1'000},         {"ns", 1},
};

constexpr int64_t kMaxSeconds = 315'576'000'000;  // Of google.protobuf.Duration.

struct SizeUnit {
  absl::string_view name;
  int shift;
};

constexpr SizeUnit kSizeUnits[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

// Takes the characters from the front of `text` for which `is` holds.
template <typename Predicate>
absl::string_view TakeWhile(absl::string_view& text, Predicate is) {
  const auto end = std::find_if_not(text.begin(), text.end(), is);
  const absl::string_view taken = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// The place in kTimeUnits.
std::optional<size_t> FindTimeUnit(absl::string_view name) {
  for (size_t i = 0; i < std::size(kTimeUnits); ++i) {
    if (kTimeUnits[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<absl::Duration> ParseDuration(absl::string_view text) {
  const bool is_negative = absl::ConsumePrefix(&text, "-");
  if (text.empty()) return std::nullopt;
  absl::Duration sum;
  size_t next_unit = 0;
  while (!text.empty()) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(TakeWhile(text, IsDigit), &number)) return std::nullopt;
    const std::optional<size_t> unit =
        FindTimeUnit(TakeWhile(text, [](char c) { return !IsDigit(c); }));
    if (!unit.has_value() || *unit < next_unit) return std::nullopt;
    next_unit = *unit + 1;
    sum += number * absl::Nanoseconds(kTimeUnits[*unit].nanoseconds);  // Saturates.
  }
  if (sum > absl::Seconds(kMaxSeconds)) return std::nullopt;
  return is_negative ? -sum : sum;
}

std::string DurationText(absl::Duration duration) {
  const absl::Duration limit = absl::Seconds(kMaxSeconds);
  duration = std::clamp(duration, -limit, limit);
  std::string text;
  if (duration < absl::ZeroDuration()) {
    text = "-";
    duration = -duration;
  }
  if (duration < absl::Nanoseconds(1)) return "0s";
  for (const TimeUnit& unit : kTimeUnits) {
    const int64_t number =
        absl::IDivDuration(duration, absl::Nanoseconds(unit.nanoseconds), &duration);
    if (number > 0) absl::StrAppend(&text, number, unit.name);
  }
  return text;
}

std::optional<uint64_t> ParseSize(absl::string_view text) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(TakeWhile(text, IsDigit), &number)) return std::nullopt;
  if (text.empty()) return number;
  for (const SizeUnit& unit : kSizeUnits) {
    if (text != unit.name) continue;
    if (number > (UINT64_MAX >> unit.shift)) return std::nullopt;
    return number << unit.shift;
  }
  return std::nullopt;
}

std::string SizeText(uint64_t bytes) {
  for (const SizeUnit& unit : kSizeUnits) {
    const uint64_t size = uint64_t{1} << unit.shift;
    if (bytes != 0 && bytes % size == 0) return absl::StrCat(bytes / size, unit.name);
  }
  return absl::StrCat(bytes);
}

}  // namespace sluice::resource
