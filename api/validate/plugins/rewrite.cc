#include "api/validate/plugins/rewrite.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"
#include "api/validate/syntax.h"
#include "api/validate/template.h"
#include "sluice/plugins/v1/rewrite.pb.h"

namespace sluice::validate {
namespace {

void CheckPrefix(const std::string& prefix, const Field& field) {
  if (std::optional<Flaw> flaw = ParsePathTemplate(prefix, nullptr)) {
    field.Refuse(std::move(flaw));
  } else if (prefix.find('{') != std::string::npos) {
    field.Refuse(absl::StrCat("captures have no meaning in it, got ", resource::Quoted(prefix)),
                 "a path as it is");
  } else if (prefix.size() > 1 && absl::EndsWith(prefix, "/")) {
    field.Refuse(absl::StrCat("ends with a slash, got ", resource::Quoted(prefix)),
                 prefix.substr(0, prefix.size() - 1));
  }
}

}  // namespace

void Check(const plugins::v1::Rewrite& config, const Field& field) {
  if (config.strip_prefix().empty() && config.path().empty() && config.host().empty()) {
    field.Refuse("changes nothing", "strip_prefix, path or host");
  }
  if (!config.strip_prefix().empty()) CheckPrefix(config.strip_prefix(), field.At("strip_prefix"));
  if (!config.path().empty()) field.At("path").Refuse(ParsePathTemplate(config.path(), nullptr));
  if (!config.strip_prefix().empty() && !config.path().empty()) {
    field.At("path").Refuse("replaces what strip_prefix would shorten", "one of the two");
  }
  if (!config.host().empty()) field.At("host").Refuse(CheckAuthority(config.host()));
}

}  // namespace sluice::validate
