#include "base/nearest.h"

#include <algorithm>

namespace sluice {
namespace {

// Optimal string alignment distance, rows of the usual table.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

absl::string_view Nearest(absl::string_view word, const std::vector<absl::string_view>& known) {
  // Longer words are no typing slips, and the table is quadratic.
  if (word.size() > 64) return {};
  absl::string_view best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (absl::string_view candidate : known) {
    if (candidate.size() > 64) continue;
    const size_t distance = Distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace sluice
