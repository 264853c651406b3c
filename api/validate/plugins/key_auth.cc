#include "api/validate/plugins/key_auth.h"

#include "absl/strings/match.h"
#include "api/validate/bounds.h"
#include "api/validate/syntax.h"
#include "sluice/plugins/v1/key_auth.pb.h"

namespace sluice::validate {

void Check(const plugins::v1::KeyAuth& config, const Field& field) {
  constexpr size_t kMaxRealmBytes = 128;
  if (!config.header().empty()) field.At("header").Refuse(CheckHeaderName(config.header()));
  if (!config.query().empty()) field.At("query").Refuse(CheckParameterName(config.query()));
  const Field realm = field.At("realm");
  CheckLength(realm, config.realm(), kMaxRealmBytes);
  realm.Refuse(CheckPrintable(config.realm()));
  if (absl::StrContains(config.realm(), '"') || absl::StrContains(config.realm(), '\\')) {
    realm.Refuse("has a quote or backslash", "neither");
  }
}

}  // namespace sluice::validate
