// Path normalisation: every program that looks at a path looks at the same one.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace sluice::match {

// What becomes of "%2F" and "%5C", which some servers take for separators and others do not.
enum class EscapedSlashes : uint8_t {
  kReject,  // The path is refused.
  kKeep,    // They stay, as part of a segment; "." and ".." beside them are refused.
  kDecode,  // "%2F" is a "/" like any other; "%5C" is a backslash, and refused like one.
};

enum class PathError : uint8_t {
  kNone,
  kNotAbsolute,       // Does not begin with "/".
  kControlCharacter,  // A byte up to 0x20 or 0x7F, or "%00".
  kNotAscii,          // A raw byte from 0x80: it should have been percent-encoded.
  kBackslash,
  kFragment,   // A "#": fragments are never sent.
  kQuery,      // A "?": the query is no part of the path.
  kBadEscape,  // "%" without two hexadecimal digits.
  kEscapedSlash,
  kDotSegment,  // A dot segment with parameters ("..;x"), or beside an escaped slash that is kept.
  kAboveRoot,   // More ".." than segments.
};

// A stable word for logs and details: "path_above_root".
absl::string_view PathErrorName(PathError error);

struct NormalisedPath {
  absl::string_view path;  // Empty on an error.
  PathError error = PathError::kNone;

  bool ok() const { return error == PathError::kNone; }
};

// The path that is routed, checked, logged and forwarded: percent-encoded unreserved characters
// decoded, other escapes in upper case, "//" merged, "." and ".." resolved. `path` has no query.
//
// A path that needs no change is returned as it is (the usual case: one scan). Otherwise the result
// stands in `buffer`, which has room for path.size() bytes and may be path.data() itself. Applying
// it to its own result changes nothing.
NormalisedPath Normalise(absl::string_view path, EscapedSlashes escaped_slashes, char* buffer);

}  // namespace sluice::match
