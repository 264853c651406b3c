// Most values need no escape at all, so both copy eight bytes at a time while the eight are plain,
// and look closer only at what is not.
#include "proxy/observe/escape.h"
#include "base/append.h"

#include <cstdint>
#include <cstring>

#include "base/utf8.h"

namespace sluice::observe {

namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kTops = 0x8080808080808080;
constexpr char kHex[] = "0123456789abcdef";
constexpr char kHexUpper[] = "0123456789ABCDEF";

// Whether some byte is 0. Exact for the answer to that, not for which byte.
uint64_t HasZero(uint64_t x) { return (x - kOnes) & ~x & kTops; }

// No byte below 32, above 126, '"' or '\'.
bool IsPlain(uint64_t x) {
  const uint64_t below_32 = (x - kOnes * 0x20) & ~x;
  return ((below_32 | x | HasZero(x ^ (kOnes * '"')) | HasZero(x ^ (kOnes * '\\')) |
           HasZero(x ^ (kOnes * 0x7f))) &
          kTops) == 0;
}

bool IsPlain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// Copies from `in` to `out` while bytes are plain and there is room; both move.
void CopyPlain(const char*& in, const char* in_end, char*& out, const char* out_end) {
  while (in_end - in >= 8 && out_end - out >= 8) {
    uint64_t eight;
    std::memcpy(&eight, in, 8);
    if (!IsPlain(eight)) break;
    std::memcpy(out, in, 8);
    in += 8;
    out += 8;
  }
  while (in < in_end && out < out_end && IsPlain(static_cast<unsigned char>(*in))) *out++ = *in++;
}

bool Append(absl::string_view text, char*& out, const char* out_end) {
  if (out_end - out < static_cast<ptrdiff_t>(text.size())) return false;
  out = sluice::Append(text, out);
  return true;
}

// One ASCII character that is not plain.
bool AppendJsonEscape(unsigned char c, char*& out, const char* out_end) {
  switch (c) {
    case '"':
      return Append("\\\"", out, out_end);
    case '\\':
      return Append("\\\\", out, out_end);
    case '\n':
      return Append("\\n", out, out_end);
    case '\r':
      return Append("\\r", out, out_end);
    case '\t':
      return Append("\\t", out, out_end);
    default: {
      const char escape[] = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
      return Append(absl::string_view(escape, sizeof(escape)), out, out_end);
    }
  }
}

}  // namespace

char* EscapeText(absl::string_view value, char* out, size_t room) {
  const char* in = value.data();
  const char* const in_end = in + value.size();
  const char* const out_end = out + room;
  while (true) {
    CopyPlain(in, in_end, out, out_end);
    if (in == in_end || out == out_end) return out;
    const unsigned char c = static_cast<unsigned char>(*in++);
    const char escape[] = {'\\', 'x', kHexUpper[c >> 4], kHexUpper[c & 15]};
    if (!Append(absl::string_view(escape, sizeof(escape)), out, out_end)) return out;
  }
}

char* EscapeJson(absl::string_view value, char* out, size_t room) {
  const char* in = value.data();
  const char* const in_end = in + value.size();
  const char* const out_end = out + room;
  while (true) {
    CopyPlain(in, in_end, out, out_end);
    if (in == in_end || out == out_end) return out;
    const unsigned char c = static_cast<unsigned char>(*in);
    size_t length = 1;
    if (c < 0x80) {
      if (!AppendJsonEscape(c, out, out_end)) return out;
    } else if ((length = Utf8CharacterBytes({in, static_cast<size_t>(in_end - in)})) == 0) {
      length = 1;
      if (!Append("\xef\xbf\xbd", out, out_end)) return out;
    } else if (!Append(absl::string_view(in, length), out, out_end)) {
      return out;
    }
    in += length;
  }
}

}  // namespace sluice::observe
