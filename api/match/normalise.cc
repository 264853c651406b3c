// One scan decides whether anything needs a change; only then a second function writes. The writing
// pass works segment by segment on what it has written: a segment is complete when its bytes are
// decoded, so "%2e%2E" is seen as "..", and dropping it moves the end of the output back. Output
// never overtakes input, which is what lets the buffer be the input.
#include "api/match/normalise.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace sluice::match {
namespace {

// Bytes that a normalised path is made of, but for what stands beside a "/".
constexpr bool IsPlain(unsigned char c) {
  return c > 0x20 && c < 0x7F && c != '#' && c != '%' && c != '?' && c != '\\';
}

constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c)
    table[static_cast<size_t>(c)] = IsPlain(static_cast<unsigned char>(c));
  return table;
}();

// Compilers turn this into SSE2 or NEON. Signed, so that bytes from 0x80 are below 0x21 as well.
using Bytes16 = int8_t __attribute__((vector_size(16)));

Bytes16 Load(const char* p) {
  Bytes16 bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return bytes;
}

bool Any(Bytes16 mask) {
  uint64_t halves[2];
  std::memcpy(halves, &mask, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

// Reads 17 bytes: whether 16 of them are plain, and none of these is a "/" before "/" or ".".
bool BlockNeedsNoChange(const char* p) {
  const Bytes16 now = Load(p);
  const Bytes16 next = Load(p + 1);
  const Bytes16 bad =
      (now < 0x21) | (now == 0x7F) | (now == '#') | (now == '%') | (now == '?') | (now == '\\');
  const Bytes16 edge = (now == '/') & ((next == '/') | (next == '.'));
  return !Any(bad | edge);
}

// "/." may begin a name such as "/.well-known"; then the writing pass copies it unchanged.
bool NeedsNoChange(absl::string_view path) {
  const char* p = path.data();
  const char* const end = p + path.size();
  if (path.size() >= 17) {
    const char* const last = end - 17;  // The last block overlaps the one before it.
    for (; p < last; p += 16) {
      if (!BlockNeedsNoChange(p)) return false;
    }
    return BlockNeedsNoChange(last) && kPlain[static_cast<unsigned char>(end[-1])];
  }
  for (; p < end; ++p) {
    if (!kPlain[static_cast<unsigned char>(*p)]) return false;
    if (*p == '/' && p + 1 < end && (p[1] == '/' || p[1] == '.')) return false;
  }
  return true;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

PathError ForbiddenCharacter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte <= 0x20 || byte == 0x7F) return PathError::kControlCharacter;
  if (byte >= 0x80) return PathError::kNotAscii;
  if (c == '\\') return PathError::kBackslash;
  return c == '#' ? PathError::kFragment : PathError::kQuery;
}

// ".", ".." or either with parameters.
bool LooksLikeDots(absl::string_view segment) {
  const absl::string_view name = segment.substr(0, segment.find(';'));
  return name == "." || name == "..";
}

// With kKeep, "a%2F.." is one segment here and two for a server that decodes it, which would then
// walk out of what was checked.
bool HidesDots(absl::string_view segment) {
  while (true) {
    size_t cut = 0;
    while (cut < segment.size() && segment.substr(cut, 3) != "%2F" &&
           segment.substr(cut, 3) != "%5C") {
      ++cut;
    }
    if (LooksLikeDots(segment.substr(0, cut))) return true;
    if (cut == segment.size()) return false;
    segment.remove_prefix(cut + 3);
  }
}

// Writes a normalised path, a byte or an escape at a time.
class Writer {
 public:
  Writer(char* buffer, EscapedSlashes escaped_slashes)
      : out_(buffer), escaped_slashes_(escaped_slashes) {}

  PathError Slash() {
    const PathError error = EndSegment();
    if (error == PathError::kNone && (size_ == 0 || out_[size_ - 1] != '/')) Put('/');
    segment_ = size_;
    return error;
  }

  PathError Plain(char c) {
    if (c == '/') return Slash();
    Put(c);
    return PathError::kNone;
  }

  PathError Escape(char high, char low) {
    const int high_value = HexValue(high);
    const int low_value = HexValue(low);
    if (high_value < 0 || low_value < 0) return PathError::kBadEscape;
    const char c = static_cast<char>(high_value * 16 + low_value);
    if (c == '\0') return PathError::kControlCharacter;
    if (IsUnreserved(c)) return Plain(c);
    if (c == '/' || c == '\\') {
      if (escaped_slashes_ == EscapedSlashes::kReject) return PathError::kEscapedSlash;
      if (escaped_slashes_ == EscapedSlashes::kDecode) {
        return c == '/' ? Slash() : PathError::kBackslash;
      }
      kept_slash_ = true;
    }
    constexpr char kHex[] = "0123456789ABCDEF";
    Put('%');
    Put(kHex[high_value]);
    Put(kHex[low_value]);
    return PathError::kNone;
  }

  // Resolves the segment that was written last if it is made of dots.
  PathError EndSegment() {
    const absl::string_view segment(out_ + segment_, size_ - segment_);
    const bool hides_dots = kept_slash_ && HidesDots(segment);
    kept_slash_ = false;
    if (hides_dots) return PathError::kDotSegment;
    if (segment.empty() || segment[0] != '.' || !LooksLikeDots(segment)) return PathError::kNone;
    if (segment == ".") {
      size_ = segment_;
      return PathError::kNone;
    }
    if (segment != "..") return PathError::kDotSegment;
    if (segment_ <= 1) return PathError::kAboveRoot;
    size_ = segment_ - 1;
    while (out_[size_ - 1] != '/') --size_;
    segment_ = size_;
    return PathError::kNone;
  }

  absl::string_view written() const { return absl::string_view(out_, size_); }

 private:
  void Put(char c) { out_[size_++] = c; }

  char* const out_;
  const EscapedSlashes escaped_slashes_;
  size_t size_ = 0;
  size_t segment_ = 0;       // Where the current segment begins, after its "/".
  bool kept_slash_ = false;  // The current segment has an escaped slash.
};

PathError Write(absl::string_view path, Writer& writer) {
  for (size_t i = 0; i < path.size(); ++i) {
    PathError error;
    if (path[i] == '%') {
      if (path.size() - i < 3) return PathError::kBadEscape;
      error = writer.Escape(path[i + 1], path[i + 2]);
      i += 2;
    } else if (kPlain[static_cast<unsigned char>(path[i])]) {
      error = writer.Plain(path[i]);
    } else {
      error = ForbiddenCharacter(path[i]);
    }
    if (error != PathError::kNone) return error;
  }
  return writer.EndSegment();
}

}  // namespace

absl::string_view PathErrorName(PathError error) {
  switch (error) {
    case PathError::kNone:
      return "path_ok";
    case PathError::kNotAbsolute:
      return "path_not_absolute";
    case PathError::kControlCharacter:
      return "path_control_character";
    case PathError::kNotAscii:
      return "path_not_ascii";
    case PathError::kBackslash:
      return "path_backslash";
    case PathError::kFragment:
      return "path_fragment";
    case PathError::kQuery:
      return "path_query";
    case PathError::kBadEscape:
      return "path_bad_escape";
    case PathError::kEscapedSlash:
      return "path_escaped_slash";
    case PathError::kDotSegment:
      return "path_dot_segment";
    case PathError::kAboveRoot:
      return "path_above_root";
  }
  return "path_bad";
}

NormalisedPath Normalise(absl::string_view path, EscapedSlashes escaped_slashes, char* buffer) {
  if (path.empty() || path[0] != '/') return {absl::string_view(), PathError::kNotAbsolute};
  if (NeedsNoChange(path)) return {path, PathError::kNone};
  Writer writer(buffer, escaped_slashes);
  const PathError error = Write(path, writer);
  if (error != PathError::kNone) return {absl::string_view(), error};
  return {writer.written(), PathError::kNone};
}

}  // namespace sluice::match
