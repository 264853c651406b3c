#include "api/resource/text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/resource/tree.h"
#include "api/resource/units.h"

namespace sluice::resource {

bool IsReadableText(absl::string_view text, const ReadOptions& options, ReadResult& result) {
  Problem problem;
  problem.file = options.file;
  if (text.size() > options.max_bytes) {
    problem.problem = absl::StrCat("the text is too long, got ", text.size(), " bytes");
    problem.want = absl::StrCat(SizeText(options.max_bytes), " at most");
    result.problems.push_back(std::move(problem));
    return false;
  }
  if (const uint32_t line = FirstLineOfBadText(text); line != 0) {
    problem.line = line;
    problem.problem = "a byte that is not part of UTF-8 text";
    problem.want = "UTF-8 without NUL";
    result.problems.push_back(std::move(problem));
    return false;
  }
  return true;
}

std::string QuoteJson(absl::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
      case '\\':
        out.push_back('\\');
        out.push_back(c);
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\t':
        out.append("\\t");
        break;
      case '\r':
        out.append("\\r");
        break;
      default:
        // DEL is refused by some YAML readers.
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
        } else {
          out.push_back(c);
        }
    }
  }
  return out + "\"";
}

}  // namespace sluice::resource
