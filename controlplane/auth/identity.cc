#include "controlplane/auth/identity.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::auth {
namespace {

using Role = Identity::Role;

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= 253 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

struct Form {
  absl::string_view word;
  Role role;
  size_t parts;
};
constexpr Form kForms[] = {{"proxy", Role::kProxy, 3},
                           {"endpoints", Role::kEndpoints, 2},
                           {"viewer", Role::kViewer, 2},
                           {"admin", Role::kAdmin, 2}};

}  // namespace

absl::StatusOr<Identity> ParseIdentity(absl::string_view uri) {
  const absl::Status wrong = absl::InvalidArgumentError(
      absl::StrCat("\"", uri, "\" is none of sluice://proxy/GROUPS/NODE, ",
                   "sluice://endpoints/UPSTREAM, sluice://viewer/NAME and sluice://admin/NAME"));
  absl::string_view rest = uri;
  if (!absl::ConsumePrefix(&rest, "sluice://")) return wrong;
  const std::vector<std::string> parts = absl::StrSplit(rest, '/');
  const auto* const form = std::find_if(std::begin(kForms), std::end(kForms),
                                        [&](const Form& f) { return f.word == parts[0]; });
  if (form == std::end(kForms) || parts.size() != form->parts || !IsName(parts.back())) {
    return wrong;
  }
  Identity identity{form->role, parts.back(), {}};
  if (form->role == Role::kProxy && parts[1] != "-") {
    identity.groups = absl::StrSplit(parts[1], ',');
    if (!std::all_of(identity.groups.begin(), identity.groups.end(), &IsName)) return wrong;
  }
  return identity;
}

}  // namespace sluice::auth
