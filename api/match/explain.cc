// Conditions are judged here one route at a time, from the texts, and not by the walk of the table:
// what does not match is the point, and a second opinion on what does is welcome (the random test
// compares the two).
#include "api/match/explain.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "api/match/host.h"

namespace sluice::match {
namespace {

// How far a route comes, later is nearer.
enum class Stage : uint8_t { kHosts, kPaths, kPredicates, kMatch };

struct Judged {
  const Table::Route* route = nullptr;
  Stage stage = Stage::kHosts;
  std::string fails;
  absl::string_view host;                    // The best that covers, "" if the route has none.
  const CompiledSpec::Path* path = nullptr;  // The best that matches.
  size_t fitting_segments = 0;               // Of the path that comes closest.

  const CompiledSpec& spec() const { return *route->spec; }
};

// Exact before wildcards before none; of wildcards the longer.
std::pair<int, size_t> HostRank(absl::string_view host) {
  if (host.empty()) return {2, 0};
  return {IsWildcardHost(host) ? 1 : 0, kMaxHostSize - host.size()};
}

// Negative if `a` is the more specific of two paths that match the same request.
int ComparePaths(const CompiledSpec::Path& a, const CompiledSpec::Path& b) {
  if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
  if (a.kind != PathKind::kPattern) return 0;
  // Literal, variable, end, rest.
  const auto next = [](PatternReader& reader) {
    PatternSegment segment;
    if (!reader.Next(&segment)) return 2;
    if (segment.kind == PatternSegment::Kind::kRest) return 3;
    return segment.kind == PatternSegment::Kind::kLiteral ? 0 : 1;
  };
  PatternReader a_reader(a.text);
  PatternReader b_reader(b.text);
  while (true) {
    const int a_kind = next(a_reader);
    const int b_kind = next(b_reader);
    if (a_kind != b_kind) return a_kind - b_kind;
    if (a_kind >= 2) return 0;
  }
}

// What puts `a` before `b`, both of which match; empty if nothing but that they are the same.
absl::string_view WhyBefore(const Judged& a, const Judged& b) {
  const auto decides = [](bool is_before, absl::string_view why) {
    return is_before ? why : absl::string_view();
  };
  const auto a_host = HostRank(a.host);
  const auto b_host = HostRank(b.host);
  if (a_host != b_host) return decides(a_host < b_host, "host");
  if (a.spec().priority() != b.spec().priority()) {
    return decides(a.spec().priority() > b.spec().priority(), "priority");
  }
  const int paths = ComparePaths(*a.path, *b.path);
  if (paths != 0) return decides(paths < 0, "path");
  if (a.spec().predicate_count() != b.spec().predicate_count()) {
    return decides(a.spec().predicate_count() > b.spec().predicate_count(), "predicates");
  }
  return decides(a.spec().name() < b.spec().name(), "name");
}

bool PathMatches(const CompiledSpec::Path& path, absl::string_view actual) {
  if (path.kind != PathKind::kRegex) return MatchPattern(path.text, actual, nullptr);
  return !actual.empty() && actual[0] == '/' && path.regex->Matches(actual);
}

size_t FittingSegments(const CompiledSpec::Path& path, absl::string_view actual) {
  if (path.kind == PathKind::kRegex) return 0;
  PatternReader wanted(path.text);
  PatternReader found(actual.empty() || actual[0] != '/' ? absl::string_view() : actual);
  PatternSegment want;
  PatternSegment have;
  size_t count = 0;
  while (wanted.Next(&want) && found.Next(&have)) {
    if (want.kind == PatternSegment::Kind::kLiteral && want.text != have.text) break;
    ++count;
  }
  return count;
}

Judged Judge(const Table::Route& route, const RequestView& request, absl::string_view host) {
  Judged judged;
  judged.route = &route;
  const CompiledSpec& spec = *route.spec;
  bool is_covered = spec.hosts().empty();
  for (absl::string_view wanted : spec.hosts()) {
    if (host.empty() || !HostCovers(wanted, host)) continue;
    if (!is_covered || HostRank(wanted) < HostRank(judged.host)) judged.host = wanted;
    is_covered = true;
  }
  for (const CompiledSpec::Path& path : spec.paths()) {
    judged.fitting_segments =
        std::max(judged.fitting_segments, FittingSegments(path, request.path));
    if (!PathMatches(path, request.path)) continue;
    if (judged.path == nullptr || ComparePaths(path, *judged.path) < 0) judged.path = &path;
  }
  if (!is_covered) {
    judged.fails = "host";
    return judged;
  }
  judged.stage = Stage::kPaths;
  if (judged.path == nullptr) {
    judged.fails = "path";
    return judged;
  }
  judged.stage = Stage::kPredicates;
  if (spec.predicates() != nullptr) judged.fails = spec.predicates()->FirstFailing(request);
  if (judged.fails.empty()) judged.stage = Stage::kMatch;
  return judged;
}

// Not worth mentioning: nothing about it is like the request.
bool IsFar(const Judged& judged) {
  if (judged.stage == Stage::kPaths) return judged.fitting_segments == 0;
  if (judged.stage != Stage::kHosts) return false;
  // "/*" matches everything and says nothing.
  return judged.path == nullptr || judged.path->text == "/*";
}

bool IsNearer(const Judged& a, const Judged& b) {
  if (a.stage != b.stage) return a.stage > b.stage;
  if (a.stage == Stage::kMatch) return !WhyBefore(a, b).empty();
  if (a.fitting_segments != b.fitting_segments) return a.fitting_segments > b.fitting_segments;
  return a.spec().name() < b.spec().name();
}

}  // namespace

Explanation Explain(const Table& table, const RequestView& request, size_t max_near_misses) {
  std::array<char, kMaxHostSize> buffer;
  const absl::string_view host = HostKey(request.host, buffer.data());
  std::vector<Judged> near;
  table.ForEach([&](const Table::Route& route) {
    Judged judged = Judge(route, request, host);
    if (!IsFar(judged)) near.push_back(std::move(judged));
  });
  std::sort(near.begin(), near.end(), IsNearer);
  Explanation explanation;
  auto next = near.begin();
  if (next != near.end() && next->stage == Stage::kMatch) {
    explanation.winner = next->route;
    explanation.host = next->host;
    explanation.path = next->path->text;
    ++next;
  } else {
    explanation.allowed_methods = table.AllowedMethods(request);
  }
  for (; next != near.end() && explanation.near_misses.size() < max_near_misses; ++next) {
    NearMiss miss = {next->route, std::move(next->fails), ""};
    if (miss.fails.empty()) miss.loses_by = std::string(WhyBefore(near.front(), *next));
    explanation.near_misses.push_back(std::move(miss));
  }
  const size_t listed = explanation.near_misses.size() + (explanation.winner != nullptr ? 1 : 0);
  explanation.further = table.size() - listed;
  return explanation;
}

std::string NearMissText(const Explanation& explanation, const NearMiss& miss) {
  if (!miss.fails.empty()) return absl::StrCat("fails ", miss.fails);
  return absl::StrCat("less specific than \"", explanation.winner->spec->name(), "\": by ",
                      miss.loses_by);
}

}  // namespace sluice::match
