#include "proxy/plugins/path_template.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/match/normalise.h"
#include "base/append.h"

namespace sluice::plugins {
namespace {

using validate::TemplatePart;
using validate::Variable;

enum : uint8_t { kInPath = 1, kInQuery = 2 };

// RFC 3986: pchar and "/" in paths, "?" too in queries. "%" is looked at apart.
constexpr std::array<uint8_t, 256> MakeTable() {
  std::array<uint8_t, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = kInPath | kInQuery;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 32] = kInPath | kInQuery;
  for (const char* p = "-._~!$&'()*+,;=:@/"; *p != 0; ++p) {
    table[static_cast<unsigned char>(*p)] = kInPath | kInQuery;
  }
  table['?'] = kInQuery;
  return table;
}
constexpr std::array<uint8_t, 256> kTable = MakeTable();

bool IsHex(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

// A "%" that begins no escape is text in a path. In a query clients send it so, and servers take
// it.
bool StaysAt(absl::string_view text, size_t i, uint8_t mask) {
  const char c = text[i];
  if (c != '%') return (kTable[static_cast<unsigned char>(c)] & mask) != 0;
  return mask == kInQuery || (i + 2 < text.size() && IsHex(text[i + 1]) && IsHex(text[i + 2]));
}

// "." or "..", its dots encoded or not: servers decode before they resolve.
bool IsDotSegment(absl::string_view segment) {
  int dots = 0;
  while (!segment.empty()) {
    const bool is_encoded = absl::StartsWithIgnoreCase(segment, "%2e");
    if (!is_encoded && segment.front() != '.') return false;
    segment.remove_prefix(is_encoded ? 3 : 1);
    ++dots;
  }
  return dots == 1 || dots == 2;
}

bool HasDotSegment(absl::string_view path) {
  for (;;) {
    const size_t slash = path.find('/');
    if (IsDotSegment(path.substr(0, slash))) return true;
    if (slash == absl::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

absl::string_view EncodeForUri(absl::string_view text, bool is_query, http::Arena& arena) {
  const uint8_t mask = is_query ? kInQuery : kInPath;
  size_t encoded = 0;
  for (size_t i = 0; i < text.size(); ++i) encoded += !StaysAt(text, i, mask);
  if (encoded == 0) return text;
  constexpr char kHex[] = "0123456789ABCDEF";
  char* const out = arena.Allocate(text.size() + 2 * encoded, 1);
  char* p = out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (StaysAt(text, i, mask)) {
      *p++ = text[i];
      continue;
    }
    *p++ = '%';
    *p++ = kHex[static_cast<unsigned char>(text[i]) >> 4];
    *p++ = kHex[static_cast<unsigned char>(text[i]) & 15];
  }
  return absl::string_view(out, static_cast<size_t>(p - out));
}

absl::StatusOr<PathTemplate> PathTemplate::Parse(absl::string_view text) {
  PathTemplate result;
  if (const auto flaw = validate::ParsePathTemplate(text, &result.parts_)) {
    return absl::InvalidArgumentError(absl::StrCat(flaw->problem, "; want ", flaw->want));
  }
  return result;
}

std::optional<absl::string_view> PathTemplate::Render(Stream& stream) const {
  http::Arena& arena = stream.arena();
  auto* pieces = reinterpret_cast<absl::string_view*>(
      arena.Allocate(parts_.size() * sizeof(absl::string_view), alignof(absl::string_view)));
  size_t size = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const TemplatePart& part = parts_[i];
    const bool is_text = part.variable == Variable::kText;
    new (&pieces[i]) absl::string_view(
        is_text ? part.text : EncodeForUri(stream.Capture(part.text), /*is_query=*/false, arena));
    size += pieces[i].size();
  }
  char* const out = arena.Allocate(size, 1);
  char* p = out;
  for (size_t i = 0; i < parts_.size(); ++i) p = Append(pieces[i], p);
  const absl::string_view path(out, size);
  if (HasDotSegment(path)) return std::nullopt;
  const match::NormalisedPath normal = match::Normalise(path, match::EscapedSlashes::kKeep, out);
  if (!normal.ok()) return std::nullopt;
  return normal.path;
}

}  // namespace sluice::plugins
