#include "api/validate/plugins/cors.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/match/regex.h"
#include "api/resource/problem.h"
#include "api/validate/bounds.h"
#include "api/validate/syntax.h"
#include "sluice/plugins/v1/cors.pb.h"

namespace sluice::validate {
namespace {

using Texts = google::protobuf::RepeatedPtrField<std::string>;
using resource::Quoted;

constexpr int kMaxNames = 256;
constexpr int kMaxMethods = 64;
constexpr size_t kMaxOriginBytes = 1024;

bool HasStar(const Texts& texts) {
  return std::find(texts.begin(), texts.end(), "*") != texts.end();
}

// scheme "://" host [":" port], in lower case as browsers send it; "*." may begin the host.
bool IsOrigin(absl::string_view text) {
  const size_t mark = text.find("://");
  if (mark == 0 || mark == absl::string_view::npos) return false;
  for (const char c : text.substr(0, mark)) {
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
      return false;
    }
  }
  absl::string_view host = text.substr(mark + 3);
  absl::ConsumePrefix(&host, "*.");
  for (const char c : host) {
    if ((c >= 'A' && c <= 'Z') || c == '*' || c == '/') return false;
  }
  return !CheckAuthority(host).has_value();
}

void CheckOrigin(const std::string& origin, const Field& field) {
  CheckLength(field, origin, kMaxOriginBytes);
  absl::string_view expression = origin;
  if (absl::ConsumePrefix(&expression, "~")) {
    const auto compiled = match::Regex::Compile(expression);
    if (!compiled.ok()) field.Refuse(std::string(compiled.status().message()), "");
    return;
  }
  if (origin == "*" || origin == "null" || IsOrigin(origin)) return;
  field.Refuse(absl::StrCat("no origin, got ", Quoted(origin)),
               "https://app.example.com, https://*.example.com, ~EXPRESSION, null or \"*\"");
}

// "*" is one, too.
void CheckNames(const Texts& texts, const Field& field, absl::string_view name) {
  CheckCount(field.At(name), texts.size(), kMaxNames, "names");
  for (int i = 0; i < texts.size(); ++i) {
    field.At(name, static_cast<size_t>(i)).Refuse(CheckHeaderName(texts[i]));
  }
}

void CheckCredentials(const plugins::v1::Cors& config, const Field& field) {
  if (!config.allow_credentials()) return;
  const char* const kWant = "those that may, by name";
  if (config.allow_origins().empty() || HasStar(config.allow_origins())) {
    field.At("allow_origins").Refuse("every site could act as any user who is logged in", kWant);
  }
  if (HasStar(config.expose_headers())) {
    field.At("expose_headers").Refuse("\"*\" means nothing to browsers with credentials", kWant);
  }
}

}  // namespace

void Check(const plugins::v1::Cors& config, const Field& field) {
  CheckCount(field.At("allow_origins"), config.allow_origins_size(), kMaxNames, "origins");
  for (int i = 0; i < config.allow_origins_size(); ++i) {
    CheckOrigin(config.allow_origins(i), field.At("allow_origins", static_cast<size_t>(i)));
  }
  CheckCount(field.At("allow_methods"), config.allow_methods_size(), kMaxMethods, "methods");
  for (int i = 0; i < config.allow_methods_size(); ++i) {
    if (!CheckHeaderName(config.allow_methods(i)).has_value()) continue;  // A token, as they are.
    field.At("allow_methods", static_cast<size_t>(i))
        .Refuse(absl::StrCat("no method, got ", Quoted(config.allow_methods(i))), "GET and such");
  }
  CheckNames(config.allow_headers(), field, "allow_headers");
  CheckNames(config.expose_headers(), field, "expose_headers");
  CheckCredentials(config, field);
  if (config.has_max_age()) {
    const Field max_age = field.At("max_age");
    CheckDuration(max_age, config.max_age(), absl::ZeroDuration(), absl::Hours(24));
    if (config.max_age().nanos() != 0) {
      max_age.Refuse("has a fraction of a second", "whole seconds");
    }
  }
}

}  // namespace sluice::validate
