#include "proxy/plugins/respond/plugin.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "proxy/http/rules.h"
#include "proxy/plugins/field_error.h"
#include "sluice/plugins/v1/respond.pb.h"

namespace sluice::plugins {

Action Respond::OnRequestHead(Stream& stream) {
  for (const Header& header : settings_.headers) {
    stream.response().headers.Add(header.id, header.name, header.value);
  }
  stream.Reply({.status = settings_.status,
                .details = "respond",
                .body = settings_.body,
                .content_type = settings_.content_type,
                .no_body = settings_.body.empty()});
  return Action::kStop;
}

absl::StatusOr<Instance> MakeRespond(const v1::Respond& config) {
  Respond::Settings settings;
  settings.status = config.has_status() ? static_cast<int>(config.status()) : 200;
  if (settings.status < 200 || settings.status > 599) {
    return FieldError("status", absl::StrCat("is not 200 to 599, got ", config.status()));
  }
  for (const auto& [name, value] : config.headers()) {
    const std::string field = absl::StrCat("headers.", name);
    const http::HeaderId id = http::LookupHeader(name);
    if (!http::IsToken(name)) return FieldError(field, "is no header name");
    if (!http::IsHeaderValue(value)) return FieldError(field, "is no header value");
    // In a response Host is a header like others.
    if (http::IsWrittenByCodec(id) && id != http::HeaderId::kHost) {
      return FieldError(field, "belongs to framing or to the connection");
    }
    if (id == http::HeaderId::kContentType) {
      return FieldError(field, "has a field of its own, content_type");
    }
    settings.headers.push_back({id, absl::AsciiStrToLower(name), value});
  }
  // The same order in every process, whatever the map's.
  std::sort(settings.headers.begin(), settings.headers.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  settings.body = config.body();
  if (!settings.body.empty() && (settings.status == 204 || settings.status == 304)) {
    return FieldError("body", absl::StrCat("is not allowed with status ", settings.status));
  }
  settings.content_type =
      config.content_type().empty() ? "text/plain; charset=utf-8" : config.content_type();
  if (!http::IsHeaderValue(settings.content_type)) {
    return FieldError("content_type", "is no header value");
  }
  return Instantiate<Respond>(std::move(settings));
}

}  // namespace sluice::plugins
