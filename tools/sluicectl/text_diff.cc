// Myers' greedy algorithm ("An O(ND) Difference Algorithm", 1986): the shortest edit script, found
// by the furthest point that each diagonal reaches with d edits. The points of all d are kept to
// walk back, hence the limit on d.
#include "tools/sluicectl/text_diff.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice::sluicectl {
namespace {

using Lines = std::vector<absl::string_view>;

constexpr int kMostEdits = 2000;
constexpr size_t kContext = 3;

struct Line {
  char sign;
  absl::string_view text;
};

Lines Split(absl::string_view text) {
  if (text.empty()) return {};
  return absl::StrSplit(absl::StripSuffix(text, "\n"), '\n');
}

// For each number of edits, the furthest x of diagonals -d..d (every second one counts).
using Trace = std::vector<std::vector<int>>;

// False if more than kMostEdits would be needed.
bool FindTrace(const Lines& a, const Lines& b, Trace& trace) {
  const int a_size = static_cast<int>(a.size());
  const int b_size = static_cast<int>(b.size());
  for (int d = 0; d <= kMostEdits; ++d) {
    std::vector<int>& row = trace.emplace_back(2 * static_cast<size_t>(d) + 1, 0);
    const auto before = [&](int k) { return trace[d - 1][static_cast<size_t>(k + d - 1)]; };
    for (int k = -d; k <= d; k += 2) {
      int x = 0;
      if (d > 0) {
        const bool is_down = k == -d || (k != d && before(k - 1) < before(k + 1));
        x = is_down ? before(k + 1) : before(k - 1) + 1;
      }
      int y = x - k;
      while (x < a_size && y < b_size && a[x] == b[y]) ++x, ++y;
      row[static_cast<size_t>(k + d)] = x;
      if (x >= a_size && y >= b_size) return true;
    }
  }
  return false;
}

std::vector<Line> WalkBack(const Lines& a, const Lines& b, const Trace& trace) {
  std::vector<Line> script;
  int x = static_cast<int>(a.size());
  int y = static_cast<int>(b.size());
  for (int d = static_cast<int>(trace.size()) - 1; d > 0; --d) {
    const auto before = [&](int k) { return trace[d - 1][static_cast<size_t>(k + d - 1)]; };
    const int k = x - y;
    const bool is_down = k == -d || (k != d && before(k - 1) < before(k + 1));
    const int from_k = is_down ? k + 1 : k - 1;
    const int from_x = before(from_k);
    const int from_y = from_x - from_k;
    while (x > from_x && y > from_y) {
      if (x == (is_down ? from_x : from_x + 1)) break;
      script.push_back({' ', a[--x]}), --y;
    }
    if (is_down) {
      script.push_back({'+', b[--y]});
    } else {
      script.push_back({'-', a[--x]});
    }
  }
  while (x > 0 && y > 0) script.push_back({' ', a[--x]}), --y;
  std::reverse(script.begin(), script.end());
  return script;
}

std::vector<Line> Replace(const Lines& a, const Lines& b) {
  std::vector<Line> script;
  for (absl::string_view line : a) script.push_back({'-', line});
  for (absl::string_view line : b) script.push_back({'+', line});
  return script;
}

}  // namespace

std::string UnifiedDiff(absl::string_view before, absl::string_view after) {
  if (before == after) return "";
  const Lines a = Split(before);
  const Lines b = Split(after);
  Trace trace;
  const std::vector<Line> script = FindTrace(a, b, trace) ? WalkBack(a, b, trace) : Replace(a, b);
  // A line is shown if it differs or stands near one that does.
  std::vector<bool> is_shown(script.size(), false);
  for (size_t i = 0; i < script.size(); ++i) {
    if (script[i].sign == ' ') continue;
    const size_t first = i < kContext ? 0 : i - kContext;
    for (size_t j = first; j <= std::min(i + kContext, script.size() - 1); ++j) is_shown[j] = true;
  }
  std::string text;
  for (size_t i = 0; i < script.size(); ++i) {
    if (!is_shown[i]) continue;
    if (i > 0 && !is_shown[i - 1] && !text.empty()) text += "@@\n";
    absl::StrAppend(&text, std::string(1, script[i].sign), script[i].text, "\n");
  }
  return text;
}

}  // namespace sluice::sluicectl
