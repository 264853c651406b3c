#include "api/validate/probe.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace sluice::validate {
namespace {

constexpr uint16_t kLeast = 200;
constexpr uint16_t kMost = 599;

std::optional<uint16_t> ParseStatus(absl::string_view text) {
  if (text.size() != 3) return std::nullopt;
  int status = 0;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
    status = status * 10 + (c - '0');
  }
  if (status < kLeast || status > kMost) return std::nullopt;
  return static_cast<uint16_t>(status);
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(static_cast<unsigned char>(c));
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::optional<std::string> ParsePayload(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "hex:")) return std::string(text);
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' && high < 0) continue;
    const int value = HexValue(c);
    if (value < 0) return std::nullopt;
    if (high < 0) {
      high = value;
      continue;
    }
    bytes.push_back(static_cast<char>(high * 16 + value));
    high = -1;
  }
  if (high >= 0 || bytes.empty()) return std::nullopt;
  return bytes;
}

std::optional<StatusRange> ParseStatusRange(absl::string_view text) {
  if (text.size() == 3 && text.substr(1) == "xx" && text[0] >= '2' && text[0] <= '5') {
    const auto first = static_cast<uint16_t>((text[0] - '0') * 100);
    return StatusRange{first, static_cast<uint16_t>(first + 99)};
  }
  const size_t dash = text.find('-');
  const std::optional<uint16_t> first = ParseStatus(text.substr(0, dash));
  if (dash == absl::string_view::npos) {
    return first ? std::optional(StatusRange{*first, *first}) : std::nullopt;
  }
  const std::optional<uint16_t> last = ParseStatus(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return StatusRange{*first, *last};
}

}  // namespace sluice::validate
