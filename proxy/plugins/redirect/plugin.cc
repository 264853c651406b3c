#include "proxy/plugins/redirect/plugin.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "proxy/http/rules.h"
#include "proxy/plugins/field_error.h"
#include "sluice/plugins/v1/redirect.pb.h"

namespace sluice::plugins {
namespace {

// "example.com" of "example.com:8080", "[::1]" of "[::1]:8080".
absl::string_view WithoutPort(absl::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  const bool has_port =
      colon != absl::string_view::npos && (bracket == absl::string_view::npos || colon > bracket);
  return has_port ? authority.substr(0, colon) : authority;
}

// A path that a client takes for one: "//host" would be another place, and "*" none at all.
absl::string_view AsPath(absl::string_view path) {
  while (absl::StartsWith(path, "//")) path.remove_prefix(1);
  return absl::StartsWith(path, "/") ? path : "/";
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

Redirect::Origin Redirect::FindOrigin(const Stream& stream) const {
  const absl::string_view scheme = settings_.scheme.empty() ? stream.scheme() : settings_.scheme;
  if (!settings_.host.empty()) return {scheme, settings_.host};
  const absl::string_view authority = stream.request().authority;
  // Without a host (HTTP/1.0) there is only the path to go by.
  if (settings_.scheme.empty() || authority.empty()) return {};
  return {scheme, scheme == stream.scheme() ? authority : WithoutPort(authority)};
}

Action Redirect::OnRequestHead(Stream& stream) {
  const http::RequestHead& request = stream.request();
  http::Arena& arena = stream.arena();
  std::optional<absl::string_view> path = request.path;
  if (!settings_.path.empty()) path = settings_.path.Render(stream);
  if (!path) {
    stream.Reply({.status = 400, .details = "redirect_dot_segment"});
    return Action::kStop;
  }
  const Origin origin = FindOrigin(stream);
  // Where the client is already: sending it there again would have no end.
  const bool is_there = (!settings_.scheme.empty() || !settings_.host.empty()) &&
                        origin.scheme == stream.scheme() && origin.host == request.authority &&
                        *path == request.path && !(settings_.strips_query && request.query);
  if (is_there) return Action::kContinue;
  const bool has_query = request.query && !settings_.strips_query;
  const absl::string_view location =
      arena.Join({origin.scheme, origin.host.empty() ? "" : "://", origin.host,
                  EncodeForUri(AsPath(*path), /*is_query=*/false, arena), has_query ? "?" : "",
                  has_query ? EncodeForUri(*request.query, /*is_query=*/true, arena) : ""});
  stream.response().headers.Set(http::HeaderId::kLocation, location);
  stream.Reply({.status = settings_.status, .details = "redirect", .no_body = true});
  return Action::kStop;
}

absl::StatusOr<Instance> MakeRedirect(const v1::Redirect& config) {
  Redirect::Settings settings;
  if (!config.scheme().empty() && config.scheme() != "http" && config.scheme() != "https") {
    return FieldError("scheme", "is neither http nor https");
  }
  settings.scheme = config.scheme();
  if (!config.host().empty() && !http::IsValidAuthority(config.host())) {
    return FieldError("host", absl::StrCat("is no host, got \"", config.host(), "\""));
  }
  settings.host = config.host();
  if (!config.path().empty()) {
    absl::StatusOr<PathTemplate> path = PathTemplate::Parse(config.path());
    if (!path.ok()) return FieldError("path", path.status().message());
    settings.path = *std::move(path);
  }
  settings.strips_query = config.strip_query();
  settings.status = config.has_status() ? static_cast<int>(config.status()) : 302;
  if (!IsRedirect(settings.status)) {
    return FieldError("status", absl::StrCat("is no redirect, got ", config.status()));
  }
  return Instantiate<Redirect>(std::move(settings));
}

}  // namespace sluice::plugins
