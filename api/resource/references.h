// The names by which a resource refers to others.
#pragma once

#include <string>
#include <vector>

#include "api/resource/key.h"

namespace sluice::resource {

struct Reference {
  std::string field;  // "upstream", "plugins.consumer_restriction.allow.consumers[1]".
  Key target;         // In the namespace of the resource that refers.
};

// Every reference, those of plugin configurations too, found by the option `ref`. A name may stand
// more than once.
std::vector<Reference> References(const v1::Resource& resource);

}  // namespace sluice::resource
