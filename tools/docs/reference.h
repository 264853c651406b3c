// The pages of docs/reference that are generated from the contract: one for each kind of resource
// and each plugin, and a list of them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::docs {

struct ReferencePage {
  std::string file;  // Within docs/reference: "route.md".
  std::string text;  // Markdown.
};

struct Reference {
  std::vector<ReferencePage> pages;

  // Fields of resources and plugins that do not say whether they are required or what their default
  // is.
  std::vector<std::string> silent_fields;
};

// `contract` is the folder that holds sluice/v1/*.proto; `examples` are files of configuration,
// from which each page shows the first fitting resource. INVALID_ARGUMENT: one of them cannot be
// read.
absl::StatusOr<Reference> MakeReference(const std::string& contract,
                                        const std::vector<std::string>& examples);

}  // namespace sluice::docs
