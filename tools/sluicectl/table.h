// Text in columns.
#pragma once

#include <string>
#include <vector>

namespace sluice::sluicectl {

//   Table table({"NAME", "POLICY"});
//   table.Add({"orders", "least_request"});
//   Print(table.ToString());
class Table {
 public:
  explicit Table(std::vector<std::string> titles) : rows_{std::move(titles)} {}

  // As many cells as titles.
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  bool empty() const { return rows_.size() == 1; }

  // Two spaces between columns; empty cells as "-"; control characters as "?", since what a proxy
  // reports must not reach a terminal as commands.
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// The first `most` of them, with commas between, and "+3" for those left out; cut to a width that
// fits a table.
std::string ShortList(const std::vector<std::string>& words, size_t most = 3);

// For a terminal: control characters but newlines and tabs as "?".
std::string Printable(std::string text);

}  // namespace sluice::sluicectl
