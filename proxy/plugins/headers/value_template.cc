#include "proxy/plugins/headers/value_template.h"

#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/append.h"
#include "proxy/plugins/query.h"

namespace sluice::plugins {
namespace {

using validate::TemplatePart;
using validate::Variable;

bool IsForbidden(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

// `value` with what no header may hold percent-encoded; itself in the usual case.
absl::string_view Harmless(absl::string_view value, http::Arena& arena) {
  size_t forbidden = 0;
  for (const char c : value) forbidden += IsForbidden(c);
  if (forbidden == 0) return value;
  constexpr char kHex[] = "0123456789ABCDEF";
  char* const out = arena.Allocate(value.size() + 2 * forbidden, 1);
  char* p = out;
  for (const char c : value) {
    if (!IsForbidden(c)) {
      *p++ = c;
      continue;
    }
    *p++ = '%';
    *p++ = kHex[static_cast<unsigned char>(c) >> 4];
    *p++ = kHex[static_cast<unsigned char>(c) & 15];
  }
  return absl::string_view(out, static_cast<size_t>(p - out));
}

absl::string_view FormatIp(const net::IpAddress& ip, http::Arena& arena) {
  char text[net::kMaxAddressText];
  return arena.Copy(absl::string_view(text, ip.Format(text)));
}

absl::string_view FormatStatus(int status, http::Arena& arena) {
  char text[16];
  const auto end = std::to_chars(text, text + sizeof(text), status).ptr;
  return arena.Copy(absl::string_view(text, static_cast<size_t>(end - text)));
}

absl::string_view QueryValue(Stream& stream, absl::string_view name) {
  if (!stream.request().query) return {};
  const auto found = FindQueryParameter(*stream.request().query, name);
  return found ? DecodeQuery(*found, stream.arena()) : absl::string_view();
}

absl::string_view Value(const TemplatePart& part, Stream& stream) {
  switch (part.variable) {
    case Variable::kText:
      return part.text;
    case Variable::kClientIp:
      return FormatIp(stream.client_ip(), stream.arena());
    case Variable::kHost:
      return stream.request().authority;
    case Variable::kMethod:
      return stream.request().method;
    case Variable::kPath:
      return stream.original_path();
    case Variable::kScheme:
      return stream.scheme();
    case Variable::kRequestId:
      return stream.request_id();
    case Variable::kConsumer:
      return stream.consumer_name();
    case Variable::kConsumerGroup:
      return stream.consumer_group();
    case Variable::kRoute:
      return stream.route();
    case Variable::kUpstream:
      return stream.upstream();
    case Variable::kStatus:
      return FormatStatus(stream.response().status, stream.arena());
    case Variable::kHeader:
      return stream.request().headers.Get(part.text);
    case Variable::kQuery:
      return QueryValue(stream, part.text);
    case Variable::kCapture:
      return stream.Capture(part.text);
  }
  return {};
}

}  // namespace

ValueTemplate::ValueTemplate(std::vector<TemplatePart> parts) : parts_(std::move(parts)) {
  for (TemplatePart& part : parts_) {
    if (part.variable != Variable::kHeader) continue;
    absl::AsciiStrToLower(&part.text);
    // Codecs keep the host apart from the headers.
    if (part.text == "host") part = {Variable::kHost, ""};
  }
}

absl::string_view ValueTemplate::Render(Stream& stream) const {
  if (parts_.empty()) return {};
  http::Arena& arena = stream.arena();
  absl::string_view whole;
  if (parts_.size() == 1) {
    whole = Value(parts_[0], stream);
  } else {
    auto* values = reinterpret_cast<absl::string_view*>(
        arena.Allocate(parts_.size() * sizeof(absl::string_view), alignof(absl::string_view)));
    size_t size = 0;
    for (size_t i = 0; i < parts_.size(); ++i) {
      size += (new (&values[i]) absl::string_view(Value(parts_[i], stream)))->size();
    }
    char* const out = arena.Allocate(size, 1);
    char* p = out;
    for (size_t i = 0; i < parts_.size(); ++i) p = Append(values[i], p);
    whole = absl::string_view(out, size);
  }
  return absl::StripAsciiWhitespace(Harmless(whole, arena));
}

}  // namespace sluice::plugins
