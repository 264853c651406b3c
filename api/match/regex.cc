// The pattern is compiled as "(?:pattern)" between anchors, from which RE2 can say what texts begin
// with. Matching asks for no groups: with them RE2 would take its lock-free one-pass matcher more
// often, but for expressions that are not one-pass ("/.*[.]json") another one, which allocates
// three times and takes three times as long (170 ns for 50), and it cannot be asked which they are.
#include "api/match/regex.h"

#include <algorithm>
#include <array>

#include <re2/re2.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::match {
namespace {

// RE2's budget for one expression: its program, and the states that its automaton may keep.
constexpr int64_t kMaxMemoryBytes = 256 << 10;
constexpr size_t kMaxPrefix = 64;

re2::StringPiece Piece(absl::string_view text) { return {text.data(), text.size()}; }

bool NamesCharacters(absl::string_view pattern) {
  for (unsigned char c : pattern) {
    if (c >= 0x80) return true;
  }
  return absl::StrContains(pattern, "\\p") || absl::StrContains(pattern, "\\P") ||
         absl::StrContains(pattern, "\\x{");
}

RE2::Options OptionsFor(absl::string_view pattern) {
  RE2::Options options(NamesCharacters(pattern) ? RE2::DefaultOptions : RE2::Latin1);
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemoryBytes);
  return options;
}

// Two bounds with a common prefix enclose only texts with that prefix.
std::string RequiredPrefix(const RE2& expression) {
  std::string low;
  std::string high;
  if (!expression.PossibleMatchRange(&low, &high, kMaxPrefix)) return "";
  const auto end = std::mismatch(low.begin(), low.end(), high.begin(), high.end()).first;
  return std::string(low.begin(), end);
}

bool IsLiteral(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '/' || c == '~' || c == '%';
}

// True if the pattern has nothing that the scan of RequiredText() does not understand: flags
// (they could turn on folding), quoting, named classes.
bool IsSimple(absl::string_view pattern) {
  if (absl::StrContains(pattern, "\\Q") || absl::StrContains(pattern, "[:")) return false;
  size_t at = pattern.find("(?");
  for (; at != absl::string_view::npos; at = pattern.find("(?", at + 2)) {
    const absl::string_view group = pattern.substr(at);
    if (!absl::StartsWith(group, "(?:") && !absl::StartsWith(group, "(?P<")) return false;
  }
  return true;
}

// The end of a class that begins at `at`: behind its "]", which is literal in the first place.
size_t ClassEnd(absl::string_view pattern, size_t at) {
  ++at;
  if (at < pattern.size() && pattern[at] == '^') ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;
  while (at < pattern.size() && pattern[at] != ']') at += pattern[at] == '\\' ? 2 : 1;
  return at + 1;
}

// Behind the "}" of a repetition "{2}" or "{2,5}" that begins at `at`; `at + 1` if it is none.
size_t RepetitionEnd(absl::string_view pattern, size_t at) {
  const size_t end = pattern.find_first_not_of("0123456789,", at + 1);
  return end != absl::string_view::npos && pattern[end] == '}' ? end + 1 : at + 1;
}

struct PlainText {
  std::vector<std::string> runs;
  std::string suffix;
};

// Runs of plain characters of which it is certain that they stand for themselves and in every
// alternative; and the one at the end of the pattern.
PlainText RequiredText(absl::string_view pattern) {
  if (!IsSimple(pattern)) return {};
  PlainText text;
  size_t begin = 0;        // Of the plain characters that end where the scan is.
  bool is_escape = false;  // They may belong to an escape ("\x41"): none reaches past a "/".
  int depth = 0;
  const auto end_run = [&](size_t end) {
    if (depth == 0 && !is_escape && begin < end && end <= pattern.size()) {
      text.runs.emplace_back(pattern.substr(begin, end - begin));
    }
  };
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '|' && depth == 0) return {};
    if (IsLiteral(c)) {
      if (is_escape && c == '/') {
        begin = i;
        is_escape = false;
      }
      ++i;
      continue;
    }
    // What is repeated may be absent.
    const bool is_repeated = c == '?' || c == '*' || c == '{';
    end_run(is_repeated && i > 0 ? i - 1 : i);
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    is_escape = c == '\\';
    i = is_escape  ? i + 2
        : c == '[' ? ClassEnd(pattern, i)
        : c == '{' ? RepetitionEnd(pattern, i)
                   : i + 1;
    begin = i;
  }
  end_run(pattern.size());
  if (!is_escape && begin <= pattern.size()) text.suffix = std::string(pattern.substr(begin));
  return text;
}

}  // namespace

Regex::Regex(std::unique_ptr<re2::RE2> expression) : expression_(std::move(expression)) {
  const std::map<int, std::string>& names = expression_->CapturingGroupNames();
  for (int group = 1; group <= expression_->NumberOfCapturingGroups(); ++group) {
    const auto name = names.find(group);
    group_names_.push_back(name == names.end() ? absl::StrCat(group) : name->second);
  }
}

Regex::~Regex() = default;

absl::StatusOr<std::unique_ptr<const Regex>> Regex::Compile(absl::string_view pattern) {
  const RE2::Options options = OptionsFor(pattern);
  // By itself first: "a)(b" would be well-formed between our parentheses.
  const RE2 alone(Piece(pattern), options);
  if (!alone.ok()) return absl::InvalidArgumentError(alone.error());
  auto expression = std::make_unique<RE2>(absl::StrCat("\\A(?:", pattern, ")\\z"), options);
  if (!expression->ok()) {
    // "\Q" without "\E" quotes our parenthesis, too.
    expression = std::make_unique<RE2>(absl::StrCat("\\A(?:", pattern, "\\E)\\z"), options);
  }
  if (!expression->ok()) return absl::InvalidArgumentError(expression->error());
  std::unique_ptr<Regex> regex(new Regex(std::move(expression)));
  regex->prefix_ = RequiredPrefix(*regex->expression_);
  PlainText text = RequiredText(pattern);
  regex->suffix_ = std::move(text.suffix);
  regex->literals_ = std::move(text.runs);
  return regex;
}

bool Regex::Matches(absl::string_view text) const {
  if (!absl::StartsWith(text, prefix_) || !absl::EndsWith(text, suffix_)) return false;
  return expression_->Match(Piece(text), 0, text.size(), RE2::ANCHOR_BOTH, nullptr, 0);
}

bool Regex::Capture(absl::string_view text, absl::Span<absl::string_view> groups) const {
  constexpr size_t kMostGroups = 16;
  std::array<re2::StringPiece, kMostGroups + 1> found;
  const size_t count = std::min({groups.size(), group_names_.size(), kMostGroups});
  if (!expression_->Match(Piece(text), 0, text.size(), RE2::ANCHOR_BOTH, found.data(),
                          static_cast<int>(count + 1))) {
    return false;
  }
  for (size_t i = 0; i < count; ++i) {
    groups[i] = absl::string_view(found[i + 1].data(), found[i + 1].size());
  }
  return true;
}

}  // namespace sluice::match
