#include "api/resource/source.h"

namespace sluice::resource {

uint32_t Location::LineOf(absl::string_view field) const {
  for (absl::string_view path = field; !path.empty();) {
    for (const FieldLine& known : field_lines) {
      if (known.field == path) return known.line;
    }
    const size_t cut = path.find_last_of(".[");
    path = path.substr(0, cut == absl::string_view::npos ? 0 : cut);
  }
  return line;
}

}  // namespace sluice::resource
