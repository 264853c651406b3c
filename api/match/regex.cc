// The pattern is compiled as "(pattern)", between anchors. The group is there for speed: RE2 takes
// its lock-free one-pass matcher only where a group is asked for, and its shared automaton, under a
// lock that all workers would touch, where none is.
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

// The plain characters at the end of the pattern, if it is certain that they stand for themselves
// and in every alternative.
std::string RequiredSuffix(absl::string_view pattern) {
  if (absl::StrContains(pattern, '|') || absl::StrContains(pattern, "(?i") ||
      absl::StrContains(pattern, "\\Q")) {
    return "";
  }
  // Other flag groups could turn on folding too: "(?si)".
  for (size_t at = pattern.find("(?"); at != absl::string_view::npos;
       at = pattern.find("(?", at + 2)) {
    const absl::string_view group = pattern.substr(at);
    if (!absl::StartsWith(group, "(?:") && !absl::StartsWith(group, "(?P<")) return "";
  }
  size_t begin = pattern.size();
  while (begin > 0 && IsLiteral(pattern[begin - 1])) --begin;
  absl::string_view run = pattern.substr(begin);
  if (begin > 0 && pattern[begin - 1] == '\\') {
    // "\x41b", "\pLb": no escape reaches past a "/".
    const size_t slash = run.find('/');
    run = slash == absl::string_view::npos ? absl::string_view() : run.substr(slash);
  }
  return std::string(run);
}

}  // namespace

Regex::Regex(std::unique_ptr<re2::RE2> expression) : expression_(std::move(expression)) {
  const std::map<int, std::string>& names = expression_->CapturingGroupNames();
  // Group 1 is ours.
  for (int group = 2; group <= expression_->NumberOfCapturingGroups(); ++group) {
    const auto name = names.find(group);
    group_names_.push_back(name == names.end() ? absl::StrCat(group - 1) : name->second);
  }
}

Regex::~Regex() = default;

absl::StatusOr<std::unique_ptr<const Regex>> Regex::Compile(absl::string_view pattern) {
  const RE2::Options options = OptionsFor(pattern);
  // By itself first: "a)(b" would be well-formed between our parentheses.
  const RE2 alone(Piece(pattern), options);
  if (!alone.ok()) return absl::InvalidArgumentError(alone.error());
  auto expression = std::make_unique<RE2>(absl::StrCat("\\A(", pattern, ")\\z"), options);
  if (!expression->ok()) return absl::InvalidArgumentError(expression->error());
  std::unique_ptr<Regex> regex(new Regex(std::move(expression)));
  regex->prefix_ = RequiredPrefix(*regex->expression_);
  regex->suffix_ = RequiredSuffix(pattern);
  return regex;
}

bool Regex::Matches(absl::string_view text) const {
  if (!absl::StartsWith(text, prefix_) || !absl::EndsWith(text, suffix_)) return false;
  re2::StringPiece groups[2];
  return expression_->Match(Piece(text), 0, text.size(), RE2::ANCHOR_BOTH, groups, 2);
}

bool Regex::Capture(absl::string_view text, absl::Span<absl::string_view> groups) const {
  constexpr size_t kMostGroups = 16;
  std::array<re2::StringPiece, kMostGroups + 2> found;
  const size_t count = std::min({groups.size(), group_names_.size(), kMostGroups});
  if (!expression_->Match(Piece(text), 0, text.size(), RE2::ANCHOR_BOTH, found.data(),
                          static_cast<int>(count + 2))) {
    return false;
  }
  for (size_t i = 0; i < count; ++i) {
    groups[i] = absl::string_view(found[i + 2].data(), found[i + 2].size());
  }
  return true;
}

}  // namespace sluice::match
