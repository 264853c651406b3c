#include "api/resource/credentials.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/resource/digest.h"
#include "api/resource/rewrite.h"
#include "api/resource/rules.h"
#include "api/resource/walk.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

constexpr absl::string_view kPrefix = "sha256:";

std::string Hashed(const std::string& text) {
  if (text.empty()) return text;
  return IsHashedCredential(text) ? absl::AsciiStrToLower(text) : HashCredential(text);
}

}  // namespace

std::string HashCredential(absl::string_view credential) {
  return absl::StrCat(kPrefix, ToHex(Sha256(credential)));
}

bool IsHashedCredential(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, kPrefix)) return false;
  return text.size() == 2 * kDigestBytes && FromHex(text).has_value();
}

void HashCredentials(v1::Resource& resource) {
  static const FieldFinder& finder = *new FieldFinder(&IsCredential);
  RewriteStrings(resource, finder, &Hashed);
}

}  // namespace sluice::resource
