// Resources for tests, as an operator would write them.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {

// The only resource of `yaml`. A problem of the text fails the test that runs.
v1::Resource ParseResource(absl::string_view yaml);

// All resources of `yaml`.
std::vector<v1::Resource> ParseResources(absl::string_view yaml);

}  // namespace sluice::resource
