// What differs between two versions of a resource.
#pragma once

#include <string>
#include <vector>

namespace sluice::v1 {
class Resource;
}  // namespace sluice::v1

namespace sluice::resource {

// Paths of the fields that differ, in the order of the contract: "timeout", "headers.x-team",
// "plugins.limit_count.count", "endpoints[2].weight"; of lists of different length only the list.
// None if the two are equal.
std::vector<std::string> ChangedFields(const v1::Resource& before, const v1::Resource& after);

}  // namespace sluice::resource
