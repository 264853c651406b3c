#include "api/x509/der_time.h"

namespace sluice::x509 {

std::optional<absl::Time> ReadTime(DerReader& reader) {
  const bool is_short = reader.tag() == kUtcTime;
  const auto text = reader.Read(is_short ? kUtcTime : kGeneralizedTime);
  const size_t size = is_short ? 13 : 15;
  if (!text || text->size() != size || text->back() != 'Z') return std::nullopt;
  for (const char c : text->substr(0, size - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  const auto number = [&text](size_t at, size_t digits) {
    int value = 0;
    for (const char c : text->substr(at, digits)) value = value * 10 + (c - '0');
    return value;
  };
  int year = number(0, is_short ? 2 : 4);
  if (is_short) year += year < 50 ? 2000 : 1900;
  const size_t rest = is_short ? 2 : 4;
  return absl::FromCivil(
      absl::CivilSecond(year, number(rest, 2), number(rest + 2, 2), number(rest + 4, 2),
                        number(rest + 6, 2), number(rest + 8, 2)),
      absl::UTCTimeZone());
}

}  // namespace sluice::x509
