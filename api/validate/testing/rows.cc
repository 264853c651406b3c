#include "api/validate/testing/rows.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "api/resource/testing/parse.h"
#include "api/validate/resource.h"
#include "gtest/gtest.h"

namespace sluice::validate {

std::vector<std::string> ProblemsOf(const v1::Resource& resource) {
  std::vector<Problem> problems;
  CheckResource(resource, problems);
  resource::Sort(problems);
  std::vector<std::string> lines;
  for (Problem& problem : problems) {
    problem.kind = problem.name = "";
    lines.push_back(ToString(problem));
  }
  return lines;
}

std::string With(absl::string_view kind, absl::string_view fields) {
  std::string yaml = absl::StrCat("kind: ", kind, "\nname: a\n", fields, "\n");
  const auto add_unless_given = [&](absl::string_view key, absl::string_view line) {
    const bool is_given =
        absl::StartsWith(fields, key) || absl::StrContains(fields, absl::StrCat("\n", key));
    if (!is_given) absl::StrAppend(&yaml, line, "\n");
  };
  if (kind == "Listener") add_unless_given("address:", "address: '0.0.0.0:80'");
  if (kind == "Service") add_unless_given("upstream:", "upstream: u");
  if (kind == "StreamRoute") add_unless_given("upstream:", "upstream: u");
  if (kind == "GlobalRule") add_unless_given("plugins:", "plugins: {request_id: {}}");
  return yaml;
}

std::string Repeated(int count, absl::string_view element) {
  std::vector<std::string> elements;
  for (int i = 0; i < count; ++i) {
    elements.push_back(absl::StrReplaceAll(element, {{"#", absl::StrCat(i)}}));
  }
  return absl::StrJoin(elements, ", ");
}

void ExpectRows(absl::string_view kind, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const v1::Resource resource = resource::ParseResource(With(kind, row.fields));
    EXPECT_EQ(absl::StrJoin(ProblemsOf(resource), " | "), row.problem) << row.fields.substr(0, 200);
  }
}

}  // namespace sluice::validate
