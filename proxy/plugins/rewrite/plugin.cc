#include "proxy/plugins/rewrite/plugin.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "api/match/normalise.h"
#include "proxy/http/rules.h"
#include "proxy/plugins/field_error.h"
#include "sluice/plugins/v1/rewrite.pb.h"

namespace sluice::plugins {
namespace {

absl::string_view WithoutPrefix(absl::string_view path, absl::string_view prefix) {
  if (!absl::StartsWith(path, prefix)) return path;
  if (path.size() == prefix.size()) return "/";
  return path[prefix.size()] == '/' ? path.substr(prefix.size()) : path;
}

absl::StatusOr<std::string> ReadPrefix(const std::string& text) {
  // Compared with paths in normal form, so it has to be in it too.
  std::string buffer(text.size(), '\0');
  const match::NormalisedPath normal =
      match::Normalise(text, match::EscapedSlashes::kKeep, buffer.data());
  if (!normal.ok()) {
    return FieldError("strip_prefix",
                      absl::StrCat("is no path: ", match::PathErrorName(normal.error)));
  }
  std::string prefix(normal.path);
  if (prefix.back() == '/') prefix.pop_back();
  return prefix;
}

}  // namespace

Action Rewrite::OnRequestHead(Stream& stream) {
  http::RequestHead& request = stream.request();
  if (!settings_.host.empty()) stream.SetUpstreamHost(settings_.host);
  if (!settings_.strip_prefix.empty()) {
    request.path = WithoutPrefix(request.path, settings_.strip_prefix);
  }
  if (settings_.path.empty()) return Action::kContinue;
  const std::optional<absl::string_view> path = settings_.path.Render(stream);
  if (!path) {
    stream.Reply({.status = 400, .details = "rewrite_dot_segment"});
    return Action::kStop;
  }
  request.path = *path;
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeRewrite(const v1::Rewrite& config) {
  Rewrite::Settings settings;
  if (!config.strip_prefix().empty()) {
    absl::StatusOr<std::string> prefix = ReadPrefix(config.strip_prefix());
    if (!prefix.ok()) return prefix.status();
    settings.strip_prefix = *std::move(prefix);
  }
  if (!config.path().empty()) {
    absl::StatusOr<PathTemplate> path = PathTemplate::Parse(config.path());
    if (!path.ok()) return FieldError("path", path.status().message());
    settings.path = *std::move(path);
  }
  if (!config.host().empty() && !http::IsValidAuthority(config.host())) {
    return FieldError("host", absl::StrCat("is no host, got \"", config.host(), "\""));
  }
  settings.host = config.host();
  return Instantiate<Rewrite>(std::move(settings));
}

}  // namespace sluice::plugins
