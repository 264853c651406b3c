#include "api/match/path_pattern.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/match/normalise.h"

namespace sluice::match {
namespace {

bool IsVariableName(absl::string_view name) {
  if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
}

std::string Got(absl::string_view what, absl::string_view text) {
  return absl::StrCat(what, ", got \"", text, "\"");
}

// `text` as a request would carry it: what is not ASCII, and blanks, percent-encoded.
std::string Encoded(absl::string_view text) {
  std::string encoded;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F) {
      encoded.push_back(c);
    } else {
      absl::StrAppend(&encoded, "%",
                      absl::AsciiStrToUpper(absl::BytesToHexString(absl::string_view(&c, 1))));
    }
  }
  return encoded;
}

// Requests are normalised before they are matched, so any other spelling would never match.
std::optional<Flaw> CheckNormalised(absl::string_view text) {
  std::string buffer(text);
  NormalisedPath result = Normalise(text, EscapedSlashes::kKeep, buffer.data());
  if (result.ok() && result.path == text) return std::nullopt;
  if (result.ok()) {
    return Flaw{Got("would never match, because paths are normalised first", text),
                absl::StrCat("\"", result.path, "\"")};
  }
  if (result.error == PathError::kQuery) {
    return Flaw{Got("has a \"?\": the query is no part of the path", text), "the field `query`"};
  }
  std::string encoded = Encoded(text);
  result = Normalise(encoded, EscapedSlashes::kKeep, encoded.data());
  return Flaw{Got("has characters or dot segments that no request path has", text),
              result.ok() ? absl::StrCat("\"", result.path, "\"") : "a path as it is sent"};
}

std::optional<Flaw> ParseRegex(absl::string_view text, ParsedPath* path) {
  auto regex = Regex::Compile(text.substr(1));
  if (!regex.ok()) {
    return Flaw{Got(regex.status().message(), text), "an RE2 expression after \"~\""};
  }
  if (!(*regex)->prefix().empty() && (*regex)->prefix()[0] != '/') {
    return Flaw{Got("would never match, because every path begins with \"/\"", text),
                absl::StrCat("\"~/", text.substr(1), "\"")};
  }
  path->kind = PathKind::kRegex;
  path->regex = *std::move(regex);
  return std::nullopt;
}

// One segment as it is written; `seen` are the variables before it.
std::optional<Flaw> CheckSegment(absl::string_view text, const PatternSegment& segment,
                                 bool is_last, Captures* seen) {
  if (segment.kind == PatternSegment::Kind::kLiteral) {
    if (segment.text.find_first_of("{}") != absl::string_view::npos) {
      return Flaw{Got("has a variable that is not a whole segment", text),
                  "\"/a/{id}/b\", or an expression: \"~/a/[^/]+[.]json\""};
    }
    if (absl::StrContains(segment.text, '*')) {
      return Flaw{Got("has a \"*\" that is not the last segment", text),
                  "\"/a/*\", with {id} for one segment, or an expression after \"~\""};
    }
    return std::nullopt;
  }
  if (segment.kind == PatternSegment::Kind::kRest && !is_last) {
    return Flaw{Got("goes on behind the remainder", text), "the remainder as the last segment"};
  }
  if (segment.kind == PatternSegment::Kind::kRest && segment.text.empty()) return std::nullopt;
  if (!IsVariableName(segment.text)) {
    return Flaw{Got(absl::StrCat("has a variable named \"", segment.text, "\""), text),
                "letters, digits and \"_\", no digit first: {user_id}"};
  }
  if (seen->Find(segment.text) != nullptr) {
    return Flaw{Got(absl::StrCat("has two variables named \"", segment.text, "\""), text),
                "a name for each"};
  }
  if (seen->size() == kMaxCaptures) {
    return Flaw{Got(absl::StrCat("has more than ", kMaxCaptures, " variables"), text), ""};
  }
  seen->Add(segment.text, segment.text);
  return std::nullopt;
}

std::optional<Flaw> ParseSegments(absl::string_view text, ParsedPath* path) {
  PatternReader reader(text);
  PatternSegment segment;
  Captures seen;
  PathKind kind = PathKind::kExact;
  size_t count = 0;
  for (bool more = reader.Next(&segment); more; ++count) {
    if (segment.kind != PatternSegment::Kind::kLiteral) kind = PathKind::kPattern;
    const PatternSegment current = segment;
    more = reader.Next(&segment);
    if (auto flaw = CheckSegment(text, current, !more, &seen)) return flaw;
  }
  if (count > kMaxPathSegments) {
    return Flaw{absl::StrCat("has ", count, " segments"),
                absl::StrCat("at most ", kMaxPathSegments)};
  }
  path->kind = kind;
  return std::nullopt;
}

}  // namespace

std::optional<Flaw> ParsePath(absl::string_view text, ParsedPath* path) {
  if (text.size() > kMaxPathBytes) {
    return Flaw{absl::StrCat("has ", text.size(), " bytes"),
                absl::StrCat("at most ", kMaxPathBytes)};
  }
  if (!text.empty() && text[0] == '~') return ParseRegex(text, path);
  if (text.empty() || text[0] != '/') {
    return Flaw{Got("does not begin with \"/\"", text), absl::StrCat("\"/", text, "\"")};
  }
  if (auto flaw = CheckNormalised(text)) return flaw;
  return ParseSegments(text, path);
}

bool PatternReader::Next(PatternSegment* segment) {
  if (left_.empty()) return false;
  left_.remove_prefix(1);
  const absl::string_view text = left_.substr(0, left_.find('/'));
  left_.remove_prefix(text.size());
  if (text == "*") {
    *segment = {PatternSegment::Kind::kRest, absl::string_view()};
  } else if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
    const absl::string_view name = text.substr(1, text.size() - 2);
    const bool is_rest = name.size() > 1 && name.back() == '*';
    *segment = {is_rest ? PatternSegment::Kind::kRest : PatternSegment::Kind::kVariable,
                is_rest ? name.substr(0, name.size() - 1) : name};
  } else {
    *segment = {PatternSegment::Kind::kLiteral, text};
  }
  return true;
}

std::string PathShape(absl::string_view text, PathKind kind) {
  if (kind == PathKind::kRegex) return std::string(text);
  std::string shape;
  PatternReader reader(text);
  PatternSegment segment;
  while (reader.Next(&segment)) {
    switch (segment.kind) {
      case PatternSegment::Kind::kLiteral:
        absl::StrAppend(&shape, "/", segment.text);
        break;
      case PatternSegment::Kind::kVariable:
        shape += "/{}";
        break;
      case PatternSegment::Kind::kRest:
        shape += "/*";
        break;
    }
  }
  return shape;
}

const absl::string_view* Captures::Find(absl::string_view name) const {
  for (size_t i = 0; i < size_; ++i) {
    if (captures_[i].name == name) return &captures_[i].value;
  }
  return nullptr;
}

bool MatchPattern(absl::string_view text, absl::string_view path, Captures* captures) {
  Captures found;
  PatternReader reader(text);
  PatternSegment segment;
  while (reader.Next(&segment)) {
    if (segment.kind == PatternSegment::Kind::kRest) {
      absl::ConsumePrefix(&path, "/");
      if (!segment.text.empty()) found.Add(segment.text, path);
      path = absl::string_view();
      break;
    }
    if (!absl::ConsumePrefix(&path, "/")) return false;
    const absl::string_view actual = path.substr(0, path.find('/'));
    const bool fits =
        segment.kind == PatternSegment::Kind::kLiteral ? actual == segment.text : !actual.empty();
    if (!fits) return false;
    if (segment.kind == PatternSegment::Kind::kVariable) found.Add(segment.text, actual);
    path.remove_prefix(actual.size());
  }
  if (!path.empty()) return false;
  if (captures != nullptr) *captures = found;
  return true;
}

}  // namespace sluice::match
