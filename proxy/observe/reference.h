// The pages of docs/reference that are generated from tables of this folder.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sluice::observe {

struct ReferencePage {
  std::string file;  // Within docs/reference.
  std::string text;  // Markdown.
};

std::vector<ReferencePage> ReferencePages();

}  // namespace sluice::observe
