// Resources as YAML.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/resource/source.h"
#include "api/resource/tree.h"

namespace sluice::resource {

// Reads every resource of `text`: documents separated by "---", each a resource, a list of them or
// {resources: [...]}; and all that is wrong with it as a text: syntax, unknown and duplicate
// fields, wrong types. What the values mean is validation's business (api/validate).
//
// A word that is nearly the name of a field, kind, plugin or value is a problem, and read as what
// was meant: one slip of the pen gives one problem.
ReadResult ReadYaml(absl::string_view text, const ReadOptions& options = {});

// The form that ReadYaml reads, without "---". Fields that are not set are not written.
std::string ToYaml(const v1::Resource& resource);

// Documents separated by "---".
std::string ToYaml(const std::vector<v1::Resource>& resources);

// Any tree of which the top is a map, for what is no resource but is to look like one.
std::string ToYaml(const Node& tree);

}  // namespace sluice::resource
