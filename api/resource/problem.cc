#include "api/resource/problem.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sluice/v1/problem.pb.h"

namespace sluice::resource {
namespace {

// Longer values would hide what is said about them.
constexpr size_t kQuotedBytes = 80;

std::string Location(const Problem& problem) {
  if (problem.file.empty()) return "";
  if (problem.line == 0) return absl::StrCat(problem.file, ": ");
  return absl::StrCat(problem.file, ":", problem.line, ": ");
}

std::string Subject(const Problem& problem) {
  if (problem.kind.empty() && problem.name.empty()) return "";
  if (problem.name.empty()) return absl::StrCat(problem.kind, ": ");
  const absl::string_view kind = problem.kind.empty() ? "resource" : problem.kind.c_str();
  return absl::StrCat(kind, " ", Quoted(problem.name), ": ");
}

}  // namespace

std::string ToString(const Problem& problem) {
  std::string line =
      absl::StrCat(Location(problem), problem.is_warning ? "warning: " : "", Subject(problem));
  if (!problem.field.empty()) absl::StrAppend(&line, problem.field, ": ");
  absl::StrAppend(&line, problem.problem);
  const bool is_said = absl::EndsWith(problem.problem, absl::StrCat(Quoted(problem.want), "?"));
  if (!problem.want.empty() && !is_said) {
    absl::StrAppend(&line, "; want ", problem.want);
  }
  return line;
}

v1::Problem ToProto(const Problem& problem) {
  v1::Problem proto;
  proto.set_kind(problem.kind);
  proto.set_name(problem.name);
  proto.set_field(problem.field);
  proto.set_problem(problem.problem);
  proto.set_want(problem.want);
  proto.set_file(problem.file);
  proto.set_line(problem.line);
  proto.set_severity(problem.is_warning ? v1::Problem::SEVERITY_WARNING
                                        : v1::Problem::SEVERITY_ERROR);
  return proto;
}

Problem FromProto(const v1::Problem& proto) {
  Problem problem;
  problem.kind = proto.kind();
  problem.name = proto.name();
  problem.field = proto.field();
  problem.problem = proto.problem();
  problem.want = proto.want();
  problem.file = proto.file();
  problem.line = proto.line();
  problem.is_warning = proto.severity() == v1::Problem::SEVERITY_WARNING;
  return problem;
}

void Sort(std::vector<Problem>& problems) {
  std::sort(problems.begin(), problems.end());
  problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
}

bool HasError(const std::vector<Problem>& problems) {
  return std::any_of(problems.begin(), problems.end(),
                     [](const Problem& problem) { return !problem.is_warning; });
}

std::string Quoted(absl::string_view text) {
  if (text.size() <= kQuotedBytes) return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
  size_t cut = kQuotedBytes;
  // Not within a UTF-8 sequence.
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text.substr(0, cut)), "...\"");
}

}  // namespace sluice::resource
