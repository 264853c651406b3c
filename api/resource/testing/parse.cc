#include "api/resource/testing/parse.h"

#include <utility>

#include "api/resource/yaml.h"
#include "gtest/gtest.h"

namespace sluice::resource {

std::vector<v1::Resource> ParseResources(absl::string_view yaml) {
  ReadResult result = ReadYaml(yaml);
  for (const Problem& problem : result.problems) ADD_FAILURE() << ToString(problem);
  std::vector<v1::Resource> resources;
  for (SourcedResource& read : result.resources) resources.push_back(std::move(read.resource));
  return resources;
}

v1::Resource ParseResource(absl::string_view yaml) {
  std::vector<v1::Resource> resources = ParseResources(yaml);
  EXPECT_EQ(resources.size(), 1u) << yaml;
  return resources.empty() ? v1::Resource() : std::move(resources[0]);
}

}  // namespace sluice::resource
