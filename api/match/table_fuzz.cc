// Routes are compiled and put into a table, requests are matched; the answers must be those of the
// reference, and of the explanation. A line is a change or a request, its fields end with tabs,
// lists are separated by blanks:
//
//   + name priority hosts paths methods headers query cookies client_ips
//   - name
//   ? method host path query client_ip headers
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "api/match/explain.h"
#include "api/match/match_keys.h"
#include "api/match/normalise.h"
#include "api/match/table.h"
#include "api/match/testing/reference_matcher.h"

namespace sluice::match {
namespace {

using Strings = std::vector<std::string>;

Strings List(absl::string_view text) { return absl::StrSplit(text, ' ', absl::SkipEmpty()); }

std::map<std::string, std::string> Pairs(absl::string_view text) {
  std::map<std::string, std::string> pairs;
  for (const std::string& item : List(text)) {
    pairs.insert(absl::StrSplit(item, absl::MaxSplits('=', 1)));
  }
  return pairs;
}

class Replay {
 public:
  void Line(absl::string_view line) {
    const Strings fields = absl::StrSplit(line, '\t');
    const auto field = [&](size_t i) { return i < fields.size() ? fields[i] : ""; };
    if (field(0) == "+") {
      RouteSpec spec = {.name = field(1),
                        .hosts = List(field(3)),
                        .paths = List(field(4)),
                        .methods = List(field(5)),
                        .headers = Pairs(field(6)),
                        .query = Pairs(field(7)),
                        .cookies = Pairs(field(8)),
                        .client_ips = List(field(9))};
      if (!absl::SimpleAtoi(field(2), &spec.priority)) spec.priority = 0;
      Upsert(spec);
    } else if (field(0) == "-") {
      table_ = table_.With({field(1)}, {});
      reference_.routes.erase(field(1));
    } else if (field(0) == "?") {
      TestRequest request = {.method = field(1),
                             .host = field(2),
                             .path = field(3),
                             .query = field(4),
                             .client_ip = field(5)};
      for (const auto& [name, value] : Pairs(field(6))) {
        request.headers.emplace_back(absl::AsciiStrToLower(name), value);
      }
      Request(std::move(request));
    }
  }

 private:
  void Upsert(const RouteSpec& spec) {
    auto compiled = Compile(spec);
    if (!compiled.ok()) return;
    if (MatchKeys(**compiled).empty()) Fail("a route without keys");
    table_ = table_.With({}, {{*compiled, 0}});
    reference_.routes[spec.name] = spec;
  }

  void Request(TestRequest request) {
    if (!ParseIp(request.client_ip).has_value()) request.client_ip = "192.0.2.1";
    std::string path = request.path;
    const NormalisedPath normal = Normalise(path, EscapedSlashes::kKeep, path.data());
    if (normal.ok()) {
      request.path = std::string(normal.path);
    } else if (request.path != "*") {
      request.path = "";
    }
    MatchResult result;
    const bool is_found = table_.Match(request.View(), &result);
    const std::string name = is_found ? std::string(result.spec->name()) : "";
    if (is_found != reference_.Match(request).has_value()) Fail("found or not");
    if (name != reference_.Match(request).value_or("")) Fail("another route");
    const Explanation explanation = Explain(table_, request.View());
    if ((explanation.winner != nullptr) != is_found) Fail("explained otherwise");
    if (!is_found) {
      std::set<std::string> allowed;
      if (!explanation.allowed_methods.empty()) {
        allowed = absl::StrSplit(explanation.allowed_methods, ", ");
      }
      if (allowed != reference_.AllowedMethods(request)) Fail("other methods");
      return;
    }
    if (explanation.winner->spec->name() != name) Fail("explained by another route");
    Captures captures;
    ReadCaptures(result, request.path, &captures);
  }

  static void Fail(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    std::abort();
  }

  Table table_;
  ReferenceMatcher reference_;
};

}  // namespace
}  // namespace sluice::match

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 8192) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  sluice::match::Replay replay;
  for (absl::string_view line : absl::StrSplit(text, '\n')) replay.Line(line);
  return 0;
}
