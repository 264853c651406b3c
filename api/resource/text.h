// What YAML and JSON text have in common.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "api/resource/source.h"

namespace sluice::resource {

// What some editors write before UTF-8 text.
inline constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Whether the text can be parsed at all: not too long, valid UTF-8, no NUL. Else `result` gets the
// problem.
bool IsReadableText(absl::string_view text, const ReadOptions& options, ReadResult& result);

// `text`, which is valid UTF-8, in double quotes with the escapes of JSON, which YAML reads too.
std::string QuoteJson(absl::string_view text);

}  // namespace sluice::resource
