#include "api/validate/field.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::validate {

std::string Field::Path() const {
  if (parent_ == nullptr) return "";
  std::string path = parent_->Path();
  absl::StrAppend(&path, path.empty() ? "" : ".", part_);
  if (index_ != kNoIndex) absl::StrAppend(&path, "[", index_, "]");
  return path;
}

void Field::Refuse(std::string problem, std::string want) const {
  Problem& added = problems_.emplace_back();
  added.kind = std::string(kind_);
  added.name = std::string(name_);
  added.field = Path();
  added.problem = std::move(problem);
  added.want = std::move(want);
}

void Field::Warn(std::string problem, std::string want) const {
  Refuse(std::move(problem), std::move(want));
  problems_.back().is_warning = true;
}

absl::Status StatusOf(const std::vector<Problem>& problems) {
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(
      problems, "; ",
      [](std::string* out, const Problem& problem) { out->append(resource::ToString(problem)); }));
}

}  // namespace sluice::validate
