#include "api/match/ip_ranges.h"

#include <arpa/inet.h>
#include <endian.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::match {
namespace {

constexpr absl::uint128 kMappedFirst = absl::MakeUint128(0, 0xFFFF00000000u);
constexpr absl::uint128 kMappedLast = absl::MakeUint128(0, 0xFFFFFFFFFFFFu);

absl::uint128 ToInteger(const std::array<uint8_t, 16>& address) {
  uint64_t high, low;
  std::memcpy(&high, address.data(), 8);
  std::memcpy(&low, address.data() + 8, 8);
  return absl::MakeUint128(be64toh(high), be64toh(low));
}

std::string ToText(absl::uint128 value) {
  std::array<uint8_t, 16> bytes;
  for (size_t i = 16; i-- > 0; value >>= 8)
    bytes[i] = static_cast<uint8_t>(absl::Uint128Low64(value));
  const bool is_v4 = ToInteger(bytes) >= kMappedFirst && ToInteger(bytes) <= kMappedLast;
  char text[INET6_ADDRSTRLEN];
  if (is_v4) {
    inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

bool ParsePrefix(absl::string_view digits, int width, int* prefix) {
  // SimpleAtoi alone would take " 8" and "+8".
  if (digits.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(digits[0]))) return false;
  return absl::SimpleAtoi(digits, prefix) && *prefix <= width && digits.back() != ' ';
}

Flaw NotAnAddress(absl::string_view text) {
  return {absl::StrCat("is neither an address nor a range, got \"", text, "\""),
          "\"10.0.0.0/8\", \"192.0.2.1\" or \"2001:db8::/32\""};
}

}  // namespace

std::optional<std::array<uint8_t, 16>> ParseIp(absl::string_view text) {
  std::array<uint8_t, 16> address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  const std::string terminated(text);
  if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
  if (inet_pton(AF_INET, terminated.c_str(), address.data() + 12) == 1) return address;
  if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
  return std::nullopt;
}

std::optional<Flaw> IpRanges::Add(absl::string_view text) {
  const size_t slash = text.find('/');
  const absl::string_view address_text = text.substr(0, slash);
  const auto address = ParseIp(address_text);
  if (!address.has_value()) return NotAnAddress(text);
  const bool is_v4 = address_text.find(':') == absl::string_view::npos;
  const int width = is_v4 ? 32 : 128;
  int prefix = width;
  if (slash != absl::string_view::npos && !ParsePrefix(text.substr(slash + 1), width, &prefix)) {
    return Flaw{
        absl::StrCat("has a prefix that is not a number from 0 to ", width, ", got \"", text, "\""),
        absl::StrCat("\"", address_text, "/", width, "\" is this one address")};
  }
  const int free_bits = width - prefix;
  const absl::uint128 mask =
      free_bits == 128 ? absl::Uint128Max() : (absl::uint128(1) << free_bits) - 1;
  const absl::uint128 value = ToInteger(*address);
  const absl::uint128 first = value & ~mask;
  if (first != value) {
    return Flaw{absl::StrCat("has bits set behind its prefix, got \"", text, "\""),
                absl::StrCat("\"", ToText(first), "/", prefix, "\"")};
  }
  const absl::uint128 last = first | mask;
  // Ranges nest or are apart, so one that holds a mapped address and more holds all of them.
  const bool holds_mapped = first <= kMappedFirst && last >= kMappedLast;
  if (!holds_mapped || (first == kMappedFirst && last == kMappedLast)) {
    ranges_.push_back({first, last});
    return std::nullopt;
  }
  if (first < kMappedFirst) ranges_.push_back({first, kMappedFirst - 1});
  if (last > kMappedLast) ranges_.push_back({kMappedLast + 1, last});
  return std::nullopt;
}

void IpRanges::Seal() {
  std::sort(ranges_.begin(), ranges_.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  std::vector<Range> joined;
  for (const Range& range : ranges_) {
    const bool touches = !joined.empty() && (range.first <= joined.back().last ||
                                             range.first == joined.back().last + 1);
    if (touches) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  joined.shrink_to_fit();
  ranges_ = std::move(joined);
}

bool IpRanges::Contains(const std::array<uint8_t, 16>& address) const {
  const absl::uint128 value = ToInteger(address);
  const auto after = std::upper_bound(
      ranges_.begin(), ranges_.end(), value,
      [](absl::uint128 wanted, const Range& range) { return wanted < range.first; });
  return after != ranges_.begin() && value <= std::prev(after)->last;
}

std::string IpRanges::Canonical() const {
  std::string text;
  for (const Range& range : ranges_) {
    absl::StrAppend(&text, text.empty() ? "" : ",", ToText(range.first), "-", ToText(range.last));
  }
  return text;
}

}  // namespace sluice::match
