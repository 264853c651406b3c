// A whole configuration from files, without a control plane: `sluicectl validate` and the proxy's
// `--config`.
#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "api/resource/problem.h"
#include "api/resource/source.h"

namespace sluice::validate {

using resource::Problem;

// Everything that is wrong with what was read: as text, resource by resource, and as a whole;
// sorted, with file and line. `context`, if given, may be referred to and is not judged; where both
// have a resource, the one of `read` counts.
std::vector<Problem> ValidateConfiguration(const resource::ReadResult& read,
                                           const resource::ReadResult* context = nullptr);

// Gives each problem that has no file yet that of its resource, and the line of its field.
// `find` returns where a resource stands, or null.
void Locate(
    absl::FunctionRef<const resource::Location*(absl::string_view kind, absl::string_view name)>
        find,
    std::vector<Problem>& problems);

// Drops what follows from another problem: validation sees a field that could not be read as
// missing. `read` are the problems of reading, with the same files in `problems`.
void DropConsequences(const std::vector<Problem>& read, std::vector<Problem>& problems);

}  // namespace sluice::validate
