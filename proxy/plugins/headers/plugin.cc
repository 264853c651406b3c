#include "proxy/plugins/headers/plugin.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/status_macros.h"
#include "proxy/http/rules.h"
#include "proxy/plugins/field_error.h"
#include "sluice/plugins/v1/headers.pb.h"

namespace sluice::plugins {
namespace {

void Apply(const Headers::Edits& edits, http::HeaderMap& headers, Stream& stream) {
  auto* values = reinterpret_cast<absl::string_view*>(stream.arena().Allocate(
      edits.write.size() * sizeof(absl::string_view), alignof(absl::string_view)));
  for (size_t i = 0; i < edits.write.size(); ++i) {
    new (&values[i]) absl::string_view(edits.write[i].value.Render(stream));
  }
  for (const Headers::Name& name : edits.remove) headers.Remove(name.id, name.text);
  for (size_t i = 0; i < edits.write.size(); ++i) {
    const Headers::Edit& edit = edits.write[i];
    if (edit.is_set) headers.Remove(edit.name.id, edit.name.text);
    if (!values[i].empty()) headers.Add(edit.name.id, edit.name.text, values[i]);
  }
}

absl::StatusOr<Headers::Name> ReadName(const std::string& text, absl::string_view field,
                                       bool is_response) {
  const http::HeaderId id = http::LookupHeader(text);
  if (!http::IsToken(text)) return FieldError(field, "is no header name");
  // In a response Host is a header like others.
  const bool is_host_of_response = is_response && id == http::HeaderId::kHost;
  if (http::IsWrittenByCodec(id) && !is_host_of_response) {
    return FieldError(field, "belongs to framing or to the connection, and cannot be changed");
  }
  return Headers::Name{id, absl::AsciiStrToLower(text)};
}

using Values = google::protobuf::Map<std::string, std::string>;

absl::Status ReadValues(const Values& values, absl::string_view field, bool is_response,
                        bool is_set, std::vector<Headers::Edit>& edits) {
  std::vector<Headers::Edit> read;
  for (const auto& [name, value] : values) {
    const std::string path = absl::StrCat(field, ".", name);
    ASSIGN_OR_RETURN(Headers::Name header, ReadName(name, path, is_response));
    if (!http::IsHeaderValue(value)) return FieldError(path, "is no header value");
    std::vector<validate::TemplatePart> parts;
    if (const auto flaw = validate::ParseTemplate(value, is_response, &parts)) {
      return FieldError(path, *flaw);
    }
    read.push_back({std::move(header), ValueTemplate(std::move(parts)), is_set});
  }
  std::sort(read.begin(), read.end(),
            [](const auto& a, const auto& b) { return a.name.text < b.name.text; });
  std::move(read.begin(), read.end(), std::back_inserter(edits));
  return absl::OkStatus();
}

absl::Status ReadEdits(const v1::Headers::Edits& config, absl::string_view field, bool is_response,
                       Headers::Edits& edits) {
  for (int i = 0; i < config.remove_size(); ++i) {
    const std::string path = absl::StrCat(field, ".remove[", i, "]");
    ASSIGN_OR_RETURN(Headers::Name name, ReadName(config.remove(i), path, is_response));
    edits.remove.push_back(std::move(name));
  }
  RETURN_IF_ERROR(ReadValues(config.set(), absl::StrCat(field, ".set"), is_response,
                             /*is_set=*/true, edits.write));
  return ReadValues(config.add(), absl::StrCat(field, ".add"), is_response, /*is_set=*/false,
                    edits.write);
}

}  // namespace

Action Headers::OnRequestHead(Stream& stream) {
  if (!settings_.request.empty()) Apply(settings_.request, stream.request().headers, stream);
  return Action::kContinue;
}

Action Headers::OnResponseHead(Stream& stream) {
  if (!settings_.response.empty()) Apply(settings_.response, stream.response().headers, stream);
  return Action::kContinue;
}

absl::StatusOr<Instance> MakeHeaders(const v1::Headers& config) {
  Headers::Settings settings;
  RETURN_IF_ERROR(ReadEdits(config.request(), "request", /*is_response=*/false, settings.request));
  RETURN_IF_ERROR(
      ReadEdits(config.response(), "response", /*is_response=*/true, settings.response));
  return Instantiate<Headers>(std::move(settings));
}

}  // namespace sluice::plugins
