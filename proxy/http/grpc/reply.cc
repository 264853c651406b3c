#include "proxy/http/grpc/reply.h"

#include <charconv>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "proxy/http/grpc/status.h"

namespace sluice::http::grpc {
namespace {

constexpr absl::string_view kContentType = "application/grpc";
constexpr size_t kMaxTimeoutDigits = 8;

int64_t NanosOf(char unit) {
  switch (unit) {
    case 'H':
      return 3'600'000'000'000;
    case 'M':
      return 60'000'000'000;
    case 'S':
      return 1'000'000'000;
    case 'm':
      return 1'000'000;
    case 'u':
      return 1'000;
    case 'n':
      return 1;
    default:
      return 0;
  }
}

// grpc-message: all but space to "~" without "%" is percent-encoded.
absl::string_view EncodeMessage(absl::string_view text, Arena& arena) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  char* const out = arena.Allocate(text.size() * 3, 1);
  char* p = out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      *p++ = c;
      continue;
    }
    *p++ = '%';
    *p++ = kHex[byte >> 4];
    *p++ = kHex[byte & 15];
  }
  return absl::string_view(out, static_cast<size_t>(p - out));
}

}  // namespace

bool IsGrpc(absl::string_view content_type) {
  if (!absl::StartsWithIgnoreCase(content_type, kContentType)) return false;
  if (content_type.size() == kContentType.size()) return true;
  const char next = content_type[kContentType.size()];
  return next == '+' || next == ';' || next == ' ';
}

std::optional<int64_t> ParseTimeout(absl::string_view text) {
  if (text.size() < 2 || text.size() > kMaxTimeoutDigits + 1) return std::nullopt;
  const int64_t unit = NanosOf(text.back());
  text.remove_suffix(1);
  int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (unit == 0 || result.ec != std::errc() || result.ptr != text.data() + text.size() ||
      value < 0) {
    return std::nullopt;
  }
  // 99999999 hours are longer than 64 bits of nanoseconds.
  const int64_t most = std::numeric_limits<int64_t>::max() / 4;
  return value > most / unit ? most : value * unit;
}

void MakeTrailersOnly(absl::string_view message, bool is_late, ResponseHead& head) {
  const auto code = is_late ? absl::StatusCode::kDeadlineExceeded : FromHttp(head.status).code();
  Arena& arena = head.headers.arena();
  char* digits = arena.Allocate(2, 1);
  const auto end = std::to_chars(digits, digits + 2, static_cast<int>(code)).ptr;
  head.status = 200;
  head.body = BodySize::Length(0);
  head.headers.Set(HeaderId::kContentType, kContentType);
  head.headers.Set("grpc-status", absl::string_view(digits, static_cast<size_t>(end - digits)));
  head.headers.Set("grpc-message", EncodeMessage(message, arena));
}

}  // namespace sluice::http::grpc
