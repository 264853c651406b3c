#include "tools/sluicectl/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::sluicectl {
namespace {

constexpr size_t kListBytes = 60;

// Of UTF-8, near enough for columns.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Cell(const std::string& text) {
  if (text.empty()) return "-";
  std::string shown = Printable(text);
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return shown;
}

}  // namespace

std::string Table::ToString() const {
  std::vector<size_t> widths(rows_[0].size(), 0);
  std::vector<std::vector<std::string>> shown;
  for (const std::vector<std::string>& row : rows_) {
    std::vector<std::string>& cells = shown.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      cells.push_back(Cell(row[i]));
      widths[i] = std::max(widths[i], Width(cells.back()));
    }
  }
  std::string text;
  for (const std::vector<std::string>& cells : shown) {
    for (size_t i = 0; i < cells.size(); ++i) {
      text += cells[i];
      if (i + 1 < cells.size()) text.append(widths[i] - Width(cells[i]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string ShortList(const std::vector<std::string>& words, size_t most) {
  std::string text;
  size_t shown = 0;
  for (const std::string& word : words) {
    if (shown == most || (shown > 0 && text.size() + word.size() > kListBytes)) break;
    absl::StrAppend(&text, shown > 0 ? "," : "", word);
    ++shown;
  }
  if (shown < words.size()) absl::StrAppend(&text, ",+", words.size() - shown);
  return text;
}

std::string Printable(std::string text) {
  for (char& c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\n' && c != '\t') || u == 0x7F) c = '?';
  }
  return text;
}

}  // namespace sluice::sluicectl
