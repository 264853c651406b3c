#include "api/validate/plugins/headers.h"

#include <map>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "api/validate/bounds.h"
#include "api/validate/syntax.h"
#include "api/validate/template.h"
#include "google/protobuf/map.h"
#include "sluice/plugins/v1/headers.pb.h"

namespace sluice::validate {
namespace {

using Edits = plugins::v1::Headers::Edits;
using Values = google::protobuf::Map<std::string, std::string>;

constexpr int kMaxEdits = 64;

void CheckEditedName(const std::string& name, const Field& field) {
  field.Refuse(CheckHeaderName(name));
  if (IsFramingHeader(name)) {
    field.Refuse("belongs to framing or to the connection, and cannot be changed",
                 "another header");
  }
  if (absl::EqualsIgnoreCase(name, "host")) {
    field.Refuse("cannot be changed here", "host of the plugin rewrite, or Upstream.host");
  }
}

void CheckValues(const Values& values, bool is_response, const Field& field) {
  CheckCount(field, static_cast<int>(values.size()), kMaxEdits, "headers");
  absl::flat_hash_set<std::string> seen;
  const std::map<std::string, std::string> sorted(values.begin(), values.end());
  for (const auto& [name, value] : sorted) {
    const Field entry = field.At(name);
    CheckEditedName(name, entry);
    if (!seen.insert(absl::AsciiStrToLower(name)).second) {
      entry.Refuse("given twice: case makes no difference in header names", "one of them");
    }
    entry.Refuse(CheckHeaderValue(value));
    entry.Refuse(ParseTemplate(value, is_response, nullptr));
  }
}

void CheckEdits(const Edits& edits, bool is_response, const Field& field) {
  CheckValues(edits.set(), is_response, field.At("set"));
  CheckValues(edits.add(), is_response, field.At("add"));
  CheckCount(field.At("remove"), edits.remove_size(), kMaxEdits, "names");
  for (int i = 0; i < edits.remove_size(); ++i) {
    CheckEditedName(edits.remove(i), field.At("remove", static_cast<size_t>(i)));
  }
}

bool IsEmpty(const Edits& edits) {
  return edits.set().empty() && edits.add().empty() && edits.remove().empty();
}

}  // namespace

void Check(const plugins::v1::Headers& config, const Field& field) {
  if (IsEmpty(config.request()) && IsEmpty(config.response())) {
    field.Refuse("changes nothing", "set, add or remove in request or response");
  }
  CheckEdits(config.request(), /*is_response=*/false, field.At("request"));
  CheckEdits(config.response(), /*is_response=*/true, field.At("response"));
}

}  // namespace sluice::validate
