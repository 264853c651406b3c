#include "api/validate/transcoding/url_template.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::validate {
namespace {

using match::Flaw;

int HexOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(static_cast<unsigned char>(c));
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string Decode(absl::string_view text, bool keeps_slashes) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexOf(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : HexOf(text[i + 2]);
    const char c = static_cast<char>(high * 16 + low);
    if (low < 0 || (keeps_slashes && c == '/')) {
      decoded.push_back(text[i]);
      continue;
    }
    decoded.push_back(c);
    i += 2;
  }
  return decoded;
}

bool IsFieldPath(absl::string_view text) {
  for (const absl::string_view part : absl::StrSplit(text, '.')) {
    if (part.empty() || absl::ascii_isdigit(static_cast<unsigned char>(part[0]))) return false;
    for (const char c : part) {
      if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
    }
  }
  return true;
}

bool IsLiteral(absl::string_view text) {
  return !text.empty() && text.find_first_of("{}*=/:?#") == absl::string_view::npos;
}

Flaw Bad(absl::string_view text) {
  return {absl::StrCat("no path template, got \"", text, "\""),
          "literals, *, a last ** and {field=segments}, each after a slash"};
}

}  // namespace

bool UrlTemplate::AddSegment(absl::string_view text) {
  if (!segments_.empty() && segments_.back().kind == Kind::kRest) return false;
  if (text == "*") {
    segments_.push_back({Kind::kOne, ""});
  } else if (text == "**") {
    segments_.push_back({Kind::kRest, ""});
  } else if (IsLiteral(text)) {
    segments_.push_back({Kind::kLiteral, std::string(text)});
    ++literals_;
  } else {
    return false;
  }
  return true;
}

// Takes "{field=segments}" from the front.
std::optional<Flaw> UrlTemplate::ParseVariable(absl::string_view& text) {
  const size_t end = text.find('}');
  if (end == absl::string_view::npos) return Bad(text);
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text.substr(1, end - 1), absl::MaxSplits('=', 1));
  if (!IsFieldPath(parts.first)) return Bad(text);
  Variable variable;
  variable.field = std::string(parts.first);
  variable.begin = segments_.size();
  const absl::string_view segments = parts.second.empty() ? "*" : parts.second;
  for (const absl::string_view segment : absl::StrSplit(segments, '/')) {
    if (!AddSegment(segment)) return Bad(text);
  }
  variable.end = segments_.size();
  variables_.push_back(std::move(variable));
  text.remove_prefix(end + 1);
  return std::nullopt;
}

std::optional<Flaw> UrlTemplate::Parse(absl::string_view text) {
  const absl::string_view whole = text;
  if (text.empty() || text[0] != '/') return Bad(whole);
  while (absl::ConsumePrefix(&text, "/")) {
    if (!text.empty() && text[0] == '{') {
      if (ParseVariable(text).has_value()) return Bad(whole);
      continue;
    }
    const size_t end = std::min(text.find_first_of("/:"), text.size());
    if (!AddSegment(text.substr(0, end))) return Bad(whole);
    text.remove_prefix(end);
  }
  if (text.empty()) return std::nullopt;
  if (!absl::ConsumePrefix(&text, ":") || !IsLiteral(text)) return Bad(whole);
  verb_ = std::string(text);
  return std::nullopt;
}

std::optional<UrlTemplate::Values> UrlTemplate::Match(absl::string_view path) const {
  if (!absl::ConsumePrefix(&path, "/")) return std::nullopt;
  if (!verb_.empty() && (!absl::ConsumeSuffix(&path, verb_) || !absl::ConsumeSuffix(&path, ":"))) {
    return std::nullopt;
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  const bool has_rest = !segments_.empty() && segments_.back().kind == Kind::kRest;
  const size_t fixed = segments_.size() - (has_rest ? 1 : 0);
  if (has_rest ? parts.size() < fixed : parts.size() != fixed) return std::nullopt;
  for (size_t i = 0; i < fixed; ++i) {
    const bool holds =
        segments_[i].kind == Kind::kOne ? !parts[i].empty() : segments_[i].text == parts[i];
    if (!holds) return std::nullopt;
  }
  Values values;
  for (const Variable& variable : variables_) {
    const bool to_end = variable.end == segments_.size() && has_rest;
    const size_t end = to_end ? parts.size() : variable.end;
    const bool is_one = !to_end && end - variable.begin == 1;
    std::string value;
    for (size_t i = variable.begin; i < end; ++i) {
      absl::StrAppend(&value, i > variable.begin ? "/" : "", Decode(parts[i], !is_one));
    }
    values.emplace_back(variable.field, std::move(value));
  }
  return values;
}

std::vector<std::string> UrlTemplate::fields() const {
  std::vector<std::string> fields;
  for (const Variable& variable : variables_) fields.push_back(variable.field);
  return fields;
}

}  // namespace sluice::validate
