// One pass that stops at the first byte that does not fit. Every leniency would be a place where
// two parsers of one connection can disagree about where a request ends.

#include "proxy/http/h1/head_parser.h"

#include <array>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sluice::http::h1 {
namespace {

constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 32] = true;
  for (const char c :
       {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr std::array<bool, 256> kToken = MakeTokenTable();

bool IsToken(char c) { return kToken[static_cast<unsigned char>(c)]; }

ParseResult Error(int status, const char* details) {
  return {ParseStatus::kError, {status, details}};
}
constexpr ParseResult kIncomplete{ParseStatus::kIncomplete, {0, nullptr}};
constexpr ParseResult kComplete{ParseStatus::kComplete, {0, nullptr}};

// First byte of [p, end) that is a control character (HTAB too) or DEL.
const char* FindControl(const char* p, const char* end) {
#ifdef __SSE2__
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; end - p >= 16; p += 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i ok = _mm_cmpeq_epi8(_mm_max_epu8(v, space), v);
    const int bad = _mm_movemask_epi8(
        _mm_or_si128(_mm_cmpeq_epi8(v, del), _mm_xor_si128(ok, _mm_set1_epi8(-1))));
    if (bad != 0) return p + __builtin_ctz(static_cast<unsigned>(bad));
  }
#endif
  while (p < end && static_cast<unsigned char>(*p) >= 0x20 && *p != 0x7f) ++p;
  return p;
}

// First byte of [p, end) that may not stand in a request target: white space, control characters,
// non-ASCII, '#'.
const char* FindTargetEnd(const char* p, const char* end) {
  while (p<end&& * p> 0x20 && *p != 0x7f && *p != '#') ++p;
  return p;
}

absl::string_view View(const char* begin, const char* end) {
  return absl::string_view(begin, static_cast<size_t>(end - begin));
}

// Header lines from `p` to the empty line. Leaves `p` behind it.
ParseResult ParseLines(const char*& p, const char* end, const HeadLimits& limits, RawHead& out) {
  out.headers.clear();
  for (;;) {
    if (p == end) return kIncomplete;
    if (*p == '\r') {
      if (end - p < 2) return kIncomplete;
      if (p[1] != '\n') return Error(400, "bad_line_end");
      p += 2;
      return kComplete;
    }
    const char* name = p;
    while (p < end && IsToken(*p)) ++p;
    if (p == end) return kIncomplete;
    // White space at a line's start (folding), none or white space before the colon.
    if (*p != ':' || p == name) return Error(400, "bad_header_name");
    const char* name_end = p++;
    while (p < end && (*p == ' ' || *p == '\t')) ++p;
    const char* value = p;
    do {
      p = FindControl(p, end);
    } while (p < end && *p == '\t' && ++p);
    if (end - p < 2) return p < end && *p != '\r' ? Error(400, "bad_header_value") : kIncomplete;
    if (p[0] != '\r') return Error(400, *p == '\n' ? "bad_line_end" : "bad_header_value");
    if (p[1] != '\n') return Error(400, "bad_line_end");
    const char* value_end = p;
    while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
    p += 2;
    if (out.headers.size() == limits.headers) return Error(431, "too_many_headers");
    const absl::string_view name_view = View(name, name_end);
    if (name_view.size() > UINT16_MAX) return Error(431, "headers_too_large");
    out.headers.push_back({name_view, View(value, value_end), LookupHeader(name_view)});
  }
}

// Compares the version with "HTTP/1.0" or "HTTP/1.1"; -1 for anything else.
int ParseMinorVersion(const char* p) {
  if (std::memcmp(p, "HTTP/1.", 7) != 0) return -1;
  return p[7] == '1' ? 1 : p[7] == '0' ? 0 : -1;
}

ParseResult ParseRequestLine(const char*& p, const char* end, RawHead& out) {
  // RFC 9112 section 2.2: one empty line before a request is a well-known slip of old clients.
  if (p < end && *p == '\r') {
    if (end - p < 2) return kIncomplete;
    if (p[1] != '\n') return Error(400, "bad_line_end");
    p += 2;
  }
  constexpr ptrdiff_t kMaxMethod = 32;
  const char* method = p;
  while (p < end && IsToken(*p)) ++p;
  if (p - method > kMaxMethod) return Error(501, "unknown_method");
  if (p == end) return kIncomplete;
  if (*p != ' ' || p == method) return Error(400, "bad_request_line");
  out.method = View(method, p);
  const char* target = ++p;
  p = FindTargetEnd(p, end);
  if (p == end) return kIncomplete;
  if (*p != ' ' || p == target) return Error(400, "bad_request_line");
  out.target = View(target, p);
  ++p;
  constexpr ptrdiff_t kVersionLine = 10;  // HTTP/1.1 CR LF
  if (end - p < kVersionLine) {
    // Garbage need not be waited for.
    const char* line_end = static_cast<const char*>(std::memchr(p, '\n', end - p));
    return line_end != nullptr ? Error(400, "bad_request_line") : kIncomplete;
  }
  out.minor_version = ParseMinorVersion(p);
  if (out.minor_version < 0) {
    const bool is_http = std::memcmp(p, "HTTP/", 5) == 0 && p[5] >= '2' && p[5] <= '9';
    return is_http ? Error(505, "unsupported_version") : Error(400, "bad_request_line");
  }
  if (p[8] != '\r' || p[9] != '\n') return Error(400, "bad_request_line");
  p += kVersionLine;
  return kComplete;
}

ParseResult ParseStatusLine(const char*& p, const char* end, RawHead& out) {
  constexpr ptrdiff_t kUpToCode = 12;  // HTTP/1.1 200
  if (end - p < kUpToCode) {
    const bool has_line = std::memchr(p, '\n', static_cast<size_t>(end - p)) != nullptr;
    return has_line ? Error(502, "upstream_protocol_error") : kIncomplete;
  }
  out.minor_version = ParseMinorVersion(p);
  if (out.minor_version < 0 || p[8] != ' ') return Error(502, "upstream_protocol_error");
  out.status = 0;
  for (int i = 9; i < 12; ++i) {
    if (p[i] < '0' || p[i] > '9') return Error(502, "upstream_protocol_error");
    out.status = out.status * 10 + (p[i] - '0');
  }
  if (out.status < 100) return Error(502, "upstream_protocol_error");
  p += kUpToCode;
  if (p < end && *p != ' ' && *p != '\r') return Error(502, "upstream_protocol_error");
  do {
    p = FindControl(p, end);
  } while (p < end && *p == '\t' && ++p);
  if (end - p < 2) return kIncomplete;
  if (p[0] != '\r' || p[1] != '\n') return Error(502, "upstream_protocol_error");
  p += 2;
  return kComplete;
}

template <typename LineParser>
ParseResult ParseHead(const LineParser& line, absl::string_view input, const HeadLimits& limits,
                      RawHead& out) {
  // Whatever lies beyond the limit is not looked at: a head that is not complete by then is too
  // large.
  const absl::string_view window = input.substr(0, limits.bytes);
  const char* p = window.data();
  const char* end = p + window.size();
  const bool is_cut = window.size() == limits.bytes;
  ParseResult result = line(p, end, out);
  if (result.status == ParseStatus::kIncomplete && is_cut) return Error(414, "uri_too_long");
  if (result.status != ParseStatus::kComplete) return result;
  result = ParseLines(p, end, limits, out);
  if (result.status == ParseStatus::kIncomplete && is_cut) return Error(431, "headers_too_large");
  out.bytes = static_cast<size_t>(p - window.data());
  return result;
}

}  // namespace

ParseResult ParseRequestHead(absl::string_view input, const HeadLimits& limits, RawHead& out,
                             absl::FunctionRef<void(absl::string_view)> on_target) {
  const auto line = [&](const char*& p, const char* end, RawHead& head) {
    const ParseResult result = ParseRequestLine(p, end, head);
    if (result.status == ParseStatus::kComplete) on_target(head.target);
    return result;
  };
  return ParseHead(line, input, limits, out);
}

ParseResult ParseResponseHead(absl::string_view input, const HeadLimits& limits, RawHead& out) {
  return ParseHead(ParseStatusLine, input, limits, out);
}

ParseResult ParseTrailers(absl::string_view input, const HeadLimits& limits, RawHead& out) {
  const auto no_line = [](const char*&, const char*, RawHead&) { return kComplete; };
  return ParseHead(no_line, input, limits, out);
}

}  // namespace sluice::http::h1
