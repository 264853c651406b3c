#include "api/validate/plugins/respond.h"

#include <map>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/validate/bounds.h"
#include "api/validate/syntax.h"
#include "sluice/plugins/v1/respond.pb.h"

namespace sluice::validate {
namespace {

constexpr int kMaxHeaders = 32;
constexpr size_t kMaxBodyBytes = 64 << 10;

void CheckHeader(const std::string& name, const std::string& value, const Field& field) {
  field.Refuse(CheckHeaderName(name));
  field.Refuse(CheckHeaderValue(value));
  if (IsFramingHeader(name)) {
    field.Refuse("belongs to framing or to the connection", "another header");
  }
  if (absl::EqualsIgnoreCase(name, "content-type")) {
    field.Refuse("has a field of its own", "content_type");
  }
}

}  // namespace

void Check(const plugins::v1::Respond& config, const Field& field) {
  if (config.has_status()) CheckRange(field.At("status"), config.status(), 200, 599);
  const Field headers = field.At("headers");
  CheckCount(headers, static_cast<int>(config.headers().size()), kMaxHeaders, "headers");
  absl::flat_hash_set<std::string> seen;
  const std::map<std::string, std::string> sorted(config.headers().begin(), config.headers().end());
  for (const auto& [name, value] : sorted) {
    const Field header = headers.At(name);
    CheckHeader(name, value, header);
    if (!seen.insert(absl::AsciiStrToLower(name)).second) {
      header.Refuse("given twice: case makes no difference in header names", "one of them");
    }
  }
  const Field body = field.At("body");
  CheckLength(body, config.body(), kMaxBodyBytes);
  const bool has_no_body = config.status() == 204 || config.status() == 304;
  if (has_no_body && !config.body().empty()) {
    body.Refuse(absl::StrCat("not allowed with status ", config.status()), "no body");
  }
  field.At("content_type").Refuse(CheckHeaderValue(config.content_type()));
}

}  // namespace sluice::validate
