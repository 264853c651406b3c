#include "api/resource/selector.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/resource/problem.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {

absl::StatusOr<Selector> Selector::Parse(const std::vector<std::string>& texts) {
  std::vector<Term> terms;
  for (const std::string& text : texts) {
    for (absl::string_view part : absl::StrSplit(text, ',')) {
      part = absl::StripAsciiWhitespace(part);
      const size_t equals = part.find('=');
      Term term{std::string(part.substr(0, equals)), std::nullopt};
      if (equals != absl::string_view::npos) term.value = std::string(part.substr(equals + 1));
      if (term.key.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("not a label selector, got ", Quoted(text), "; want key=value or key"));
      }
      terms.push_back(std::move(term));
    }
  }
  return Selector(std::move(terms));
}

bool Selector::Matches(const v1::Resource& resource) const {
  return std::all_of(terms_.begin(), terms_.end(), [&resource](const Term& term) {
    const auto label = resource.labels().find(term.key);
    if (label == resource.labels().end()) return false;
    return !term.value.has_value() || label->second == *term.value;
  });
}

}  // namespace sluice::resource
