#include "proxy/plugins/cors/plugin.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "proxy/plugins/field_error.h"
#include "proxy/plugins/vary.h"
#include "sluice/plugins/v1/cors.pb.h"

namespace sluice::plugins {
namespace {

constexpr absl::string_view kPrefix = "access-control-";
constexpr absl::string_view kAllowOrigin = "access-control-allow-origin";
constexpr absl::string_view kAllowCredentials = "access-control-allow-credentials";
constexpr absl::string_view kAllowMethods = "access-control-allow-methods";
constexpr absl::string_view kAllowHeaders = "access-control-allow-headers";
constexpr absl::string_view kAllowPrivateNetwork = "access-control-allow-private-network";
constexpr absl::string_view kExposeHeaders = "access-control-expose-headers";
constexpr absl::string_view kMaxAge = "access-control-max-age";
constexpr absl::string_view kRequestMethod = "access-control-request-method";
constexpr absl::string_view kRequestHeaders = "access-control-request-headers";
constexpr absl::string_view kRequestPrivateNetwork = "access-control-request-private-network";

constexpr char kDefaultMethods[] = "GET, HEAD, POST, PUT, PATCH, DELETE";

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

template <typename Texts>
bool HasStar(const Texts& texts) {
  return std::find(texts.begin(), texts.end(), "*") != texts.end();
}

absl::Status ReadOrigin(const std::string& text, Cors::Settings& settings) {
  absl::string_view expression = text;
  if (text == "*") {
    settings.allows_every_origin = true;
  } else if (absl::ConsumePrefix(&expression, "~")) {
    auto compiled = match::Regex::Compile(expression);
    if (!compiled.ok()) return FieldError("allow_origins", compiled.status().message());
    settings.expressions.push_back(*std::move(compiled));
  } else if (const size_t star = text.find('*'); star != std::string::npos) {
    settings.wildcards.push_back({text.substr(0, star), text.substr(star + 1)});
  } else {
    settings.origins.insert(text);
  }
  return absl::OkStatus();
}

}  // namespace

bool Cors::Settings::Allows(absl::string_view origin) const {
  if (allows_every_origin || origins.contains(origin)) return true;
  for (const Wildcard& wildcard : wildcards) {
    absl::string_view middle = origin;
    if (absl::ConsumePrefix(&middle, wildcard.prefix) &&
        absl::ConsumeSuffix(&middle, wildcard.suffix) && !middle.empty() &&
        std::all_of(middle.begin(), middle.end(), IsHostCharacter)) {
      return true;
    }
  }
  return std::any_of(expressions.begin(), expressions.end(),
                     [origin](const auto& expression) { return expression->Matches(origin); });
}

// Before other plugins change the request.
void Cors::ReadOrigin(const Stream& stream) {
  has_read_origin_ = true;
  origin_ = stream.request().headers.Get("origin");
  is_allowed_ = !origin_.empty() && settings_.Allows(origin_);
}

Action Cors::OnRequestHead(Stream& stream) {
  ReadOrigin(stream);
  const http::RequestHead& request = stream.request();
  if (origin_.empty() || request.method_id != http::Method::kOptions) return Action::kContinue;
  const absl::string_view method = request.headers.Get(kRequestMethod);
  if (method.empty()) return Action::kContinue;
  is_preflight_ = true;
  if (is_allowed_) {
    AnswerPreflight(method, stream);
  } else {
    stream.Reply({.status = 403, .details = "cors_origin_refused"});
  }
  return Action::kStop;
}

void Cors::AnswerPreflight(absl::string_view method, Stream& stream) const {
  using http::HeaderId;
  const http::HeaderMap& request = stream.request().headers;
  http::HeaderMap& response = stream.response().headers;
  response.Add(HeaderId::kOther, kAllowMethods,
               settings_.methods.empty() ? method : absl::string_view(settings_.methods));
  const absl::string_view asked = request.Get(kRequestHeaders);
  const absl::string_view headers =
      settings_.allows_any_header ? asked : absl::string_view(settings_.headers);
  if (!headers.empty()) response.Add(HeaderId::kOther, kAllowHeaders, headers);
  if (!settings_.max_age.empty()) response.Add(HeaderId::kOther, kMaxAge, settings_.max_age);
  if (settings_.has_private_network && request.Get(kRequestPrivateNetwork) == "true") {
    response.Add(HeaderId::kOther, kAllowPrivateNetwork, "true");
  }
  AddVary(response, kRequestMethod);
  AddVary(response, kRequestHeaders);
  if (settings_.has_private_network) AddVary(response, kRequestPrivateNetwork);
  stream.Reply({.status = 204, .details = "cors_preflight", .no_body = true});
}

Action Cors::OnResponseHead(Stream& stream) {
  if (!has_read_origin_) ReadOrigin(stream);  // A plugin before this one answered.
  using http::HeaderId;
  http::HeaderMap& headers = stream.response().headers;
  if (!is_preflight_) {
    headers.RemoveIf([](const http::HeaderMap::Entry& entry) {
      return entry.id == HeaderId::kOther && absl::StartsWith(entry.name(), kPrefix);
    });
  }
  const bool is_same_for_all = settings_.allows_every_origin && !settings_.has_credentials;
  if (!is_same_for_all) AddVary(headers, "origin");
  if (!is_allowed_) return Action::kContinue;
  headers.Add(HeaderId::kOther, kAllowOrigin, is_same_for_all ? absl::string_view("*") : origin_);
  if (settings_.has_credentials) headers.Add(HeaderId::kOther, kAllowCredentials, "true");
  if (!is_preflight_ && !settings_.exposed.empty()) {
    headers.Add(HeaderId::kOther, kExposeHeaders, settings_.exposed);
  }
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeCors(const v1::Cors& config) {
  Cors::Settings settings;
  for (const std::string& origin : config.allow_origins()) {
    if (absl::Status status = ReadOrigin(origin, settings); !status.ok()) return status;
  }
  if (config.allow_origins().empty()) settings.allows_every_origin = true;
  if (config.allow_methods().empty()) {
    settings.methods = kDefaultMethods;
  } else if (!HasStar(config.allow_methods())) {
    settings.methods = absl::StrJoin(config.allow_methods(), ", ");
  }
  settings.allows_any_header = config.allow_headers().empty() || HasStar(config.allow_headers());
  if (!settings.allows_any_header) settings.headers = absl::StrJoin(config.allow_headers(), ", ");
  settings.exposed = HasStar(config.expose_headers())
                         ? std::string("*")
                         : absl::StrJoin(config.expose_headers(), ", ");
  if (config.has_max_age()) settings.max_age = absl::StrCat(config.max_age().seconds());
  settings.has_credentials = config.allow_credentials();
  settings.has_private_network = config.allow_private_network();
  return Instantiate<Cors>(std::move(settings));
}

}  // namespace sluice::plugins
