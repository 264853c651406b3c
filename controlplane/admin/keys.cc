#include "controlplane/admin/keys.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"
#include "base/status_macros.h"
#include "controlplane/admin/refusal.h"

namespace sluice::admin {

using resource::Key;
using resource::Kind;

absl::StatusOr<Kind> ReadKind(const std::string& text) {
  const std::optional<Kind> kind = resource::ParseKind(text);
  if (kind.has_value()) return *kind;
  const absl::string_view nearest = resource::NearestKindName(text);
  return Refusal(absl::StatusCode::kInvalidArgument,
                 {{"", "", "kind", absl::StrCat("there is no kind ", resource::Quoted(text)),
                   nearest.empty() ? "" : absl::StrCat("did you mean ", nearest, "?"), "", 0}});
}

absl::StatusOr<Key> ReadKey(const v1::ResourceKey& key) {
  ASSIGN_OR_RETURN(const Kind kind, ReadKind(key.kind()));
  if (!key.name().empty()) return Key{kind, key.namespace_(), key.name()};
  return Refusal(absl::StatusCode::kInvalidArgument, {{std::string(resource::KindName(kind)), "",
                                                       "name", "is missing", "a name", "", 0}});
}

}  // namespace sluice::admin
