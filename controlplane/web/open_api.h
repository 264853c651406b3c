// Describes the JSON interface to programs.
#pragma once

#include <string>

namespace sluice::web {

// The OpenAPI 3.0 document: paths from the table of operations, schemas from the contract's
// descriptors, so that neither can be behind what the interface does.
std::string OpenApiDocument();

}  // namespace sluice::web
