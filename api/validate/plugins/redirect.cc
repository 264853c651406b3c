#include "api/validate/plugins/redirect.h"

#include "absl/strings/str_cat.h"
#include "api/resource/problem.h"
#include "api/validate/syntax.h"
#include "api/validate/template.h"
#include "sluice/plugins/v1/redirect.pb.h"

namespace sluice::validate {

void Check(const plugins::v1::Redirect& config, const Field& field) {
  const bool changes_something = !config.scheme().empty() || !config.host().empty() ||
                                 !config.path().empty() || config.strip_query();
  if (!changes_something) {
    field.Refuse("redirects to the request's own address, for ever",
                 "scheme, host, path or strip_query");
  }
  if (!config.scheme().empty() && config.scheme() != "http" && config.scheme() != "https") {
    field.At("scheme").Refuse(
        absl::StrCat("no such scheme, got ", resource::Quoted(config.scheme())), "http or https");
  }
  if (!config.host().empty()) field.At("host").Refuse(CheckAuthority(config.host()));
  if (!config.path().empty()) field.At("path").Refuse(ParsePathTemplate(config.path(), nullptr));
  if (config.has_status()) {
    switch (config.status()) {
      case 301:
      case 302:
      case 303:
      case 307:
      case 308:
        break;
      default:
        field.At("status").Refuse(absl::StrCat("not a redirect, got ", config.status()),
                                  "301, 302, 303, 307 or 308");
    }
  }
}

}  // namespace sluice::validate
