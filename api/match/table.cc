#include "api/match/table.h"

#include <array>
#include <utility>

#include "api/match/hash.h"
#include "api/match/table_root.h"

namespace sluice::match {

Table::Table() : root_(Ref<Root>::Adopt(new Root())) {}
Table::Table(Ref<Root> root) : root_(std::move(root)) {}
Table::Table(const Table&) = default;
Table::Table(Table&&) noexcept = default;
Table::~Table() = default;

Table& Table::operator=(Table other) noexcept {
  root_ = std::move(other.root_);
  return *this;
}

size_t Table::size() const { return root_->size; }

const Table::Route* Table::Find(absl::string_view name) const {
  const RouteItem* item = root_->names.Find(
      HashText(name), [&](const RouteItem& item) { return item.route.spec->name() == name; });
  return item == nullptr ? nullptr : &item->route;
}

void Table::ForEach(absl::FunctionRef<void(const Route&)> visit) const {
  root_->names.ForEach([&](const RouteItem& item) { visit(item.route); });
}

void ReadCaptures(const MatchResult& result, absl::string_view path, Captures* captures) {
  captures->Clear();
  const CompiledSpec::Path& matched = result.spec->paths()[result.path_index];
  if (matched.kind != PathKind::kRegex) {
    MatchPattern(matched.text, path, captures);
    return;
  }
  std::array<absl::string_view, kMaxCaptures> groups;
  if (!matched.regex->Capture(path, absl::MakeSpan(groups))) return;
  const std::vector<std::string>& names = matched.regex->group_names();
  for (size_t i = 0; i < names.size() && i < groups.size(); ++i) captures->Add(names[i], groups[i]);
}

}  // namespace sluice::match
