#include "api/validate/template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/match/normalise.h"
#include "api/resource/problem.h"
#include "api/validate/syntax.h"
#include "base/nearest.h"

namespace sluice::validate {
namespace {

using resource::Quoted;

struct Name {
  absl::string_view text;
  Variable variable;
};

constexpr Name kPlain[] = {
    {"client_ip", Variable::kClientIp}, {"host", Variable::kHost},
    {"method", Variable::kMethod},      {"path", Variable::kPath},
    {"scheme", Variable::kScheme},      {"request_id", Variable::kRequestId},
    {"consumer", Variable::kConsumer},  {"consumer_group", Variable::kConsumerGroup},
    {"route", Variable::kRoute},        {"upstream", Variable::kUpstream},
    {"status", Variable::kStatus},
};

// With a name behind the dot.
constexpr Name kNamed[] = {
    {"header.", Variable::kHeader},
    {"query.", Variable::kQuery},
    {"capture.", Variable::kCapture},
};

class PartList {
 public:
  explicit PartList(std::vector<TemplatePart>* parts) : parts_(parts) {}

  void Text(absl::string_view text) {
    if (parts_ == nullptr || text.empty()) return;
    if (parts_->empty() || parts_->back().variable != Variable::kText) parts_->emplace_back();
    absl::StrAppend(&parts_->back().text, text);
  }

  void Add(Variable variable, absl::string_view name) {
    if (parts_ != nullptr) parts_->push_back({variable, std::string(name)});
  }

 private:
  std::vector<TemplatePart>* const parts_;
};

bool IsCaptureName(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
}

bool IsNameFor(Variable variable, absl::string_view name) {
  switch (variable) {
    case Variable::kHeader:
      return !CheckHeaderName(name).has_value();
    case Variable::kCapture:
      return IsCaptureName(name);
    default:
      return !CheckParameterName(name).has_value();
  }
}

// What no capture could mend: "." and "..", which would lead to another path, and "%" that begins
// no escape. A capture stands for something in its segment, here "x".
std::optional<Flaw> CheckSegments(absl::string_view text) {
  std::string sample;
  for (absl::string_view piece : absl::StrSplit(text, '{')) {
    const size_t close = piece.find('}');
    if (close != absl::string_view::npos) {
      sample.push_back('x');
      piece.remove_prefix(close + 1);
    }
    absl::StrAppend(&sample, piece);
  }
  for (absl::string_view segment : absl::StrSplit(sample, '/', absl::SkipEmpty())) {
    std::string alone = absl::StrCat("/", segment);
    const match::NormalisedPath normal =
        match::Normalise(alone, match::EscapedSlashes::kKeep, alone.data());
    if (normal.ok() && normal.path != "/") continue;
    return Flaw{absl::StrCat("has a segment that no path may have, got ", Quoted(text)),
                "no \".\" or \"..\", and two hexadecimal digits behind each %"};
  }
  return std::nullopt;
}

Flaw NoSuchVariable(absl::string_view name) {
  std::vector<absl::string_view> known;
  for (const Name& plain : kPlain) known.push_back(plain.text);
  const absl::string_view nearest = Nearest(name, known);
  std::string problem =
      absl::StrCat("no such variable, got ", Quoted(absl::StrCat("${", name, "}")));
  if (!nearest.empty()) absl::StrAppend(&problem, ", did you mean \"${", nearest, "}\"?");
  return {std::move(problem), nearest.empty()
                                  ? "a variable of docs/reference, or $$ for a dollar sign"
                                  : absl::StrCat("${", nearest, "}")};
}

std::optional<Flaw> AddVariable(absl::string_view name, bool is_response, PartList& parts) {
  for (const Name& plain : kPlain) {
    if (plain.text != name) continue;
    if (plain.variable == Variable::kStatus && !is_response) {
      return Flaw{"${status} has no value yet in a request", "it in a response only"};
    }
    parts.Add(plain.variable, "");
    return std::nullopt;
  }
  for (const Name& named : kNamed) {
    absl::string_view argument = name;
    if (!absl::ConsumePrefix(&argument, named.text)) continue;
    if (!IsNameFor(named.variable, argument)) break;
    parts.Add(named.variable, argument);
    return std::nullopt;
  }
  return NoSuchVariable(name);
}

}  // namespace

std::optional<Flaw> ParseTemplate(absl::string_view text, bool is_response,
                                  std::vector<TemplatePart>* out) {
  PartList parts(out);
  while (!text.empty()) {
    const size_t dollar = std::min(text.find('$'), text.size());
    parts.Text(text.substr(0, dollar));
    text.remove_prefix(dollar);
    if (text.empty()) break;
    if (absl::ConsumePrefix(&text, "$$")) {
      parts.Text("$");
      continue;
    }
    const size_t close = text.find('}');
    if (!absl::ConsumePrefix(&text, "${") || close == absl::string_view::npos) {
      return Flaw{
          absl::StrCat("a dollar sign that begins no variable, got ", Quoted(text.substr(0, 16))),
          "${NAME}, or $$ for a dollar sign"};
    }
    if (auto flaw = AddVariable(text.substr(0, close - 2), is_response, parts)) return flaw;
    text.remove_prefix(close - 1);
  }
  return std::nullopt;
}

std::optional<Flaw> ParsePathTemplate(absl::string_view text, std::vector<TemplatePart>* out) {
  const absl::string_view all = text;
  if (text.empty() || text[0] != '/') {
    return Flaw{absl::StrCat("not a path, got ", Quoted(text)),
                absl::StrCat("a \"/\" at its start")};
  }
  PartList parts(out);
  while (!text.empty()) {
    const size_t brace = std::min(text.find_first_of("{}"), text.size());
    const absl::string_view plain = text.substr(0, brace);
    for (char c : plain) {
      if (c <= 0x20 || c >= 0x7F || absl::StrContains("?#\\", c)) {
        return Flaw{absl::StrCat("not a path, got ", Quoted(all)),
                    "visible ASCII characters without ?, # and \\, others as %XX"};
      }
    }
    parts.Text(plain);
    text.remove_prefix(brace);
    if (text.empty()) break;
    const size_t close = text.find('}');
    const absl::string_view name =
        text[0] == '{' && close != absl::string_view::npos ? text.substr(1, close - 1) : "";
    if (!IsCaptureName(name)) {
      return Flaw{absl::StrCat("braces that hold no capture, got ", Quoted(text.substr(0, 16))),
                  "{NAME} of the route's path, or {1} of its expression"};
    }
    parts.Add(Variable::kCapture, name);
    text.remove_prefix(close + 1);
  }
  return CheckSegments(all);
}

}  // namespace sluice::validate
