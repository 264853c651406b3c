#include "proxy/plugins/vary.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace sluice::plugins {

void AddVary(http::HeaderMap& headers, absl::string_view name) {
  for (const auto* entry = headers.Find("vary"); entry != nullptr; entry = headers.Next(entry)) {
    for (absl::string_view element : absl::StrSplit(entry->value(), ',')) {
      element = absl::StripAsciiWhitespace(element);
      if (element == "*" || absl::EqualsIgnoreCase(element, name)) return;
    }
  }
  headers.Add(http::HeaderId::kOther, "vary", name);
}

}  // namespace sluice::plugins
