#include "controlplane/web/gate.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controlplane/web/json.h"

namespace sluice::web {
namespace {

// "application/json", with or without parameters.
bool IsJson(absl::string_view content_type) {
  const absl::string_view type =
      absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';')));
  return absl::EqualsIgnoreCase(type, "application/json");
}

}  // namespace

std::optional<Response> Gate::Check(const Request& request) const {
  if (!hosts_.Has(request.host)) {
    return Refusal(403, absl::StrCat("this server is not called \"", request.host, "\""),
                   "start it with --allowed-host to give it another name");
  }
  const bool changes = request.method == "POST" || request.has_body;
  if (changes && !IsJson(request.content_type)) {
    return Refusal(415, absl::StrCat("the content type is \"", request.content_type, "\""),
                   "Content-Type: application/json");
  }
  return std::nullopt;
}

}  // namespace sluice::web
