#include "proxy/http/fields.h"

namespace sluice::http {
namespace {

// The value of "name=value" among parts that `separator` ends.
absl::string_view FindPair(absl::string_view text, char separator, absl::string_view name,
                           bool* found) {
  while (!text.empty()) {
    const size_t end = text.find(separator);
    absl::string_view part = text.substr(0, end);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    const size_t equals = part.find('=');
    if (part.substr(0, equals) == name) {
      *found = true;
      return equals == absl::string_view::npos ? absl::string_view() : part.substr(equals + 1);
    }
    if (end == absl::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

absl::string_view FindCookie(const HeaderMap& headers, absl::string_view name) {
  bool found = false;
  // HTTP/2 may split cookies over several fields.
  for (const auto* e = headers.Find(HeaderId::kCookie); e != nullptr; e = headers.Next(e)) {
    const absl::string_view value = FindPair(e->value(), ';', name, &found);
    if (found) return value;
  }
  return {};
}

absl::string_view FindQueryParameter(absl::string_view query, absl::string_view name) {
  bool found = false;
  return FindPair(query, '&', name, &found);
}

}  // namespace sluice::http
