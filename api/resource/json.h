// Resources as JSON: the shape of the YAML, flat and snake_case.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/resource/source.h"
#include "api/resource/tree.h"

namespace sluice::resource {

// Reads a resource, a list of them or {"resources": [...]}; see ReadYaml. Strings must be strings.
ReadResult ReadJson(absl::string_view text, const ReadOptions& options = {});

// Indented by two spaces, or on one line if `is_compact`; without a newline at the end.
std::string ToJson(const v1::Resource& resource, bool is_compact = false);

// {"resources": [...]}
std::string ToJson(const std::vector<v1::Resource>& resources, bool is_compact = false);

// Any tree, for what is no resource but is to look like one.
std::string ToJson(const Node& tree, bool is_compact = false);

}  // namespace sluice::resource
