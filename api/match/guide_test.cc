// Checks the tables of docs/guide/routing.md against the matcher, so that the page cannot say what
// is not so.
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/match/normalise.h"
#include "api/match/table.h"
#include "api/match/testing/test_request.h"

namespace sluice::match {
namespace {

using Strings = std::vector<std::string>;

struct GuideTable {
  Strings head;
  std::vector<Strings> rows;

  std::string Cell(const Strings& row, const std::string& column) const {
    for (size_t i = 0; i < head.size(); ++i) {
      if (head[i] == column) return row[i];
    }
    return "";
  }
};

Strings Cells(absl::string_view line) {
  absl::ConsumePrefix(&line, "|");
  absl::ConsumeSuffix(&line, "|");
  Strings cells;
  for (absl::string_view cell : absl::StrSplit(line, '|')) {
    cells.emplace_back(absl::StripAsciiWhitespace(cell));
  }
  return cells;
}

std::vector<GuideTable> ReadGuide() {
  std::ifstream file("docs/guide/routing.md");
  std::vector<GuideTable> tables;
  std::string line;
  bool is_in_table = false;
  while (std::getline(file, line)) {
    const bool is_row = absl::StartsWith(line, "|");
    if (is_row && !is_in_table) {
      tables.push_back({Cells(line), {}});
      std::getline(file, line);  // |---|---|
    } else if (is_row) {
      tables.back().rows.push_back(Cells(line));
    }
    is_in_table = is_row;
  }
  return tables;
}

// What stands between backquotes.
Strings Quoted(absl::string_view cell) {
  Strings items;
  const Strings parts = absl::StrSplit(cell, '`');
  for (size_t i = 1; i < parts.size(); i += 2) items.push_back(parts[i]);
  return items;
}

std::map<std::string, std::string> QuotedPairs(absl::string_view cell) {
  std::map<std::string, std::string> pairs;
  for (const std::string& item : Quoted(cell)) {
    pairs.insert(absl::StrSplit(item, absl::MaxSplits(": ", 1)));
  }
  return pairs;
}

Table RoutesOf(const GuideTable& guide) {
  std::vector<Table::Route> routes;
  for (const Strings& row : guide.rows) {
    const auto list = [&](const std::string& column) { return Quoted(guide.Cell(row, column)); };
    const auto pairs = [&](const std::string& column) {
      return QuotedPairs(guide.Cell(row, column));
    };
    RouteSpec spec = {.name = list("route").at(0),
                      .hosts = list("hosts"),
                      .paths = list("paths"),
                      .methods = list("methods"),
                      .headers = pairs("headers"),
                      .query = pairs("query"),
                      .cookies = pairs("cookies"),
                      .client_ips = list("client_ips")};
    const Strings priority = list("priority");
    if (!priority.empty()) spec.priority = std::stoi(priority[0]);
    const auto compiled = Compile(spec);
    EXPECT_TRUE(compiled.ok()) << spec.name << ": " << compiled.status();
    if (compiled.ok()) routes.push_back({*compiled, 0});
  }
  return Table().With({}, routes);
}

// "`GET host/path?query`, `Name: value` from `address`".
TestRequest RequestOf(const std::string& cell) {
  Strings items = Quoted(cell);
  TestRequest request;
  if (absl::StrContains(cell, "` from `")) {
    request.client_ip = items.back();
    items.pop_back();
  }
  absl::string_view target = items.at(0);
  const size_t blank = target.find(' ');
  request.method = std::string(target.substr(0, blank));
  target.remove_prefix(blank + 1);
  const size_t slash = target.find('/');
  request.host = std::string(target.substr(0, slash));
  const std::pair<std::string, std::string> path =
      absl::StrSplit(target.substr(slash), absl::MaxSplits('?', 1));
  request.path = path.first;
  request.query = path.second;
  for (size_t i = 1; i < items.size(); ++i) {
    const std::pair<std::string, std::string> header =
        absl::StrSplit(items[i], absl::MaxSplits(": ", 1));
    request.headers.emplace_back(absl::AsciiStrToLower(header.first), header.second);
  }
  return request;
}

std::string AnswerTo(const Table& table, const TestRequest& request) {
  MatchResult result;
  if (table.Match(request.View(), &result)) return absl::StrCat("`", result.spec->name(), "`");
  const std::string allowed = table.AllowedMethods(request.View());
  return allowed.empty() ? "404" : absl::StrCat("405 `", allowed, "`");
}

TEST(RoutingGuideTest, RequestsAreServedAsItSays) {
  Table table;
  int checked = 0;
  for (const GuideTable& guide : ReadGuide()) {
    if (guide.head[0] == "route") table = RoutesOf(guide);
    if (guide.head[0] != "request") continue;
    for (const Strings& row : guide.rows) {
      EXPECT_EQ(AnswerTo(table, RequestOf(row[0])), row[1]) << row[0];
      ++checked;
    }
  }
  EXPECT_GE(checked, 45) << "the page, or how it is read, has changed";
}

TEST(RoutingGuideTest, PathsBecomeWhatItSays) {
  int checked = 0;
  for (const GuideTable& guide : ReadGuide()) {
    if (guide.head[0] != "sent") continue;
    for (const Strings& row : guide.rows) {
      std::string path = Quoted(row[0]).at(0);
      const NormalisedPath result = Normalise(path, EscapedSlashes::kReject, path.data());
      EXPECT_EQ(result.ok() ? absl::StrCat("`", result.path, "`") : "400", row[1]) << row[0];
      ++checked;
    }
  }
  EXPECT_GE(checked, 10) << "the page, or how it is read, has changed";
}

}  // namespace
}  // namespace sluice::match
